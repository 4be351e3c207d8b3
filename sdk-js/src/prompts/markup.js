// What a shop writes into its pages for prompts: places for them, the value of a cart, that an order was placed.

/** The elements of a page that are set aside for a prompt. */
export const placesOf = (document, slug) => (
  [...document.querySelectorAll('[data-steeple-prompt]')].filter((one) => one.dataset.steeplePrompt === slug)
);

/** What the page says of the cart and of an order: `{cart_value, has_ordered}`. */
export function shopFacts(document) {
  const cart = document.querySelector('[data-steeple-cart]');
  const value = cart ? Number.parseFloat(cart.dataset.steepleCart) : NaN;
  return { cart_value: Number.isFinite(value) ? value : null, has_ordered: Boolean(document.querySelector('[data-steeple-order]')) };
}

const CARTS = ['cart_updated', 'view_cart', 'begin_checkout']; // these tell of the whole cart, add_to_cart does not
const ORDERS = ['purchase', 'order_placed'];

/** What a tracked event says of them: `cart_value` is null where it says nothing of the cart; after an order it is empty. */
export function trackedFacts({ name, properties }) {
  const hasOrdered = ORDERS.includes(name);
  const { value, total } = properties || {};
  const amount = CARTS.includes(name) ? [value, total].find((one) => typeof one === 'number') : undefined;
  const cart = amount === undefined ? null : amount;
  return { cart_value: hasOrdered ? 0 : cart, has_ordered: hasOrdered };
}
