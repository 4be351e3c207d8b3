// A view drawn as elements. Texts go in as text, never as markup.

const PARTS = { title: 'steeple-title', body: 'steeple-body' }; // ids, within a shadow root of our own

/** An element with attributes (those that are null or false are left out) and children. */
export function element(document, tag, attributes, ...children) {
  const made = document.createElement(tag);
  Object.entries(attributes).forEach(([name, value]) => {
    if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? '' : value);
  });
  made.append(...children.filter(Boolean));
  return made;
}

/** The shop's own picture, or a drawn sign where there is none or it does not load. */
function pictureOf(document, { icon }, picture) {
  const sign = element(document, 'span', { class: `icon ${icon || 'bell'}`, 'aria-hidden': 'true' });
  if (icon || !picture) return sign;
  const image = element(document, 'img', { class: 'picture', src: picture, alt: '' });
  image.addEventListener('error', () => image.replaceWith(sign));
  return image;
}

function choiceOf(document, { heading, list }) {
  const rows = list.map(({ slug, label, is_checked: isChecked }) => element(document, 'label', { class: 'topic' },
    element(document, 'input', { type: 'checkbox', value: slug, checked: isChecked }), element(document, 'span', {}, label)));
  return element(document, 'fieldset', { class: 'topics' }, element(document, 'legend', {}, heading), ...rows);
}

function buttonOf(document, { id, label, is_main: isMain }, press) {
  const button = element(document, 'button', { type: 'button', class: isMain ? 'main' : 'quiet', 'data-action': id }, label);
  button.addEventListener('click', () => press(id));
  return button;
}

/**
 * The card of a view. `press(id)` is called in the click's own turn.
 * @param {object} look {language, direction, role, picture}: the card's language and way, "dialog" or "region", the shop's icon
 */
export function drawCard(document, view, { language, direction, role, picture }, press) {
  const { title, body, steps, topics, actions } = view;
  return element(document, 'section', {
    class: 'card', role, tabindex: -1, lang: language, dir: direction, 'aria-labelledby': PARTS.title, 'aria-describedby': body ? PARTS.body : null,
  },
  element(document, 'div', { class: 'head' }, pictureOf(document, view, picture), element(document, 'div', { class: 'words' },
    element(document, 'p', { id: PARTS.title, class: 'title' }, title), body && element(document, 'p', { id: PARTS.body, class: 'body' }, body))),
  steps && element(document, 'ol', { class: 'steps' }, ...steps.map((step) => element(document, 'li', {}, step))),
  topics && choiceOf(document, topics),
  element(document, 'p', { class: 'note' }),
  element(document, 'div', { class: 'actions' }, ...actions.map((one) => buttonOf(document, one, press))));
}

/** The topics ticked in a card: `{slug, label}` each. */
export const chosenIn = (card) => [...card.querySelectorAll('input:checked')].map((box) => (
  { slug: box.value, label: box.nextSibling.textContent }
));
