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
