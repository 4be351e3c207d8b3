// Messages drawn as elements. Texts go in as text, never as markup; links were checked before they came here.
import { element } from '../../cards/card.js';
import { schemeOf } from '../../cards/scheme.js';
import { dress } from '../../cards/surface.js';
import { agoOf } from './speech.js';
import css from './inbox.css';

/** An empty element of ours with its shadow root, dressed. `kind`: "panel" or "banner". */
export function openShell({ host, options: { nonce } }, kind, { scheme, language, direction }) {
  const { document } = host;
  const fitting = scheme === 'auto' ? schemeOf(document) : scheme;
  const shell = element(document, 'steeple-inbox', { 'data-kind': kind, 'data-scheme': fitting, lang: language, dir: direction });
  const root = shell.attachShadow({ mode: 'open' });
  dress(host, root, nonce, [css]);
  return { shell, root };
}

export function buttonOf(document, name, label, press, sign) {
  const button = element(document, 'button', { type: 'button', class: name, 'aria-label': sign ? label : null }, sign || label);
  button.addEventListener('click', press);
  return button;
}

function linkOf(document, name, { title, url }, follow) {
  if (!url) return element(document, 'span', { class: name, dir: 'auto' }, title);
  const link = element(document, 'a', { class: name, href: url, dir: 'auto' }, title);
  link.addEventListener('click', follow);
  return link;
}

/** A picture that does not load leaves no hole. */
function pictureOf(document, name, url) {
  if (!url) return null;
  const image = element(document, 'img', { class: name, src: url, alt: '', loading: 'lazy', referrerpolicy: 'no-referrer' });
  image.addEventListener('error', () => image.remove());
  return image;
}

const actionsOf = (document, actions, follow) => {
  const links = actions.filter(({ url }) => url).map((one) => linkOf(document, 'action', one, follow));
  return links.length ? element(document, 'p', { class: 'actions' }, ...links) : null;
};

/** What a message says: picture, heading that is the link, text, buttons. `follow()` is called when a link is. */
export function messageOf(document, entry, follow, ...head) {
  const heading = linkOf(document, 'heading', { title: entry.title || entry.body, url: entry.url }, follow);
  return element(document, 'div', { class: 'message' },
    pictureOf(document, 'icon', entry.icon),
    element(document, 'div', { class: 'words' },
      element(document, 'p', { class: 'line', id: 'steeple-heading' }, heading, ...head),
      entry.title && entry.body && element(document, 'p', { class: 'body', dir: 'auto' }, entry.body),
      pictureOf(document, 'image', entry.image),
      actionsOf(document, entry.actions, follow)));
}

/** When it came, for people and for machines. */
export function timeOf(document, { at }, language, now_ms) {
  const at_ms = Date.parse(at);
  return Number.isNaN(at_ms) ? null : element(document, 'time', { datetime: at }, agoOf(at_ms, now_ms, language));
}
