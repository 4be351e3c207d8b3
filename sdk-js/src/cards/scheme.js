// Light or dark, as the page is: a dark card on a site that is only ever light is a fault of ours, whatever the system
// wishes. What the page can be is told by its root's `color-scheme`, or by the meta element of that name (CSS Color
// Adjustment 1, sections 2.1 and 2.2). A page that says neither is judged by what it is painted on.
import { readableOn } from './colours.js';

const LIGHT = '#000000'; // what is read on a light ground

/** `#rrggbb` of a computed colour; null of one that lets through what is behind it, or is told in another way. */
function opaque(text) {
  const found = /^rgba?\((\d+), (\d+), (\d+)(?:, ([\d.]+))?\)$/.exec(text || '');
  if (!found || Number(found[4] === undefined ? 1 : found[4]) < 0.5) return null;
  return `#${found.slice(1, 4).map((part) => Number(part).toString(16).padStart(2, '0')).join('')}`;
}

/**
 * "light", "dark", or "auto" for a page that is as the system is, as a pure function.
 *   said: computed `color-scheme` of the root, "normal" where it has none; meta: content of the meta element, or null
 *   grounds: computed background colours of the root and the body
 */
export function decideScheme({ said, meta, grounds }) {
  const words = (said && said !== 'normal' ? said : meta || '').split(/[\s,]+/);
  const [isLight, isDark] = ['light', 'dark'].map((name) => words.includes(name));
  if (isLight && isDark) return 'auto';
  if (isLight || isDark) return isDark ? 'dark' : 'light';
  const ground = grounds.map(opaque).find(Boolean);
  return !ground || readableOn(ground) === LIGHT ? 'light' : 'dark';
}

/** The same for this document, as it is now. */
export function schemeOf(document) {
  const { defaultView: view, documentElement, body } = document;
  if (!view) return 'auto';
  const meta = document.querySelector('meta[name="color-scheme" i]');
  const looks = [documentElement, body].filter(Boolean).map((one) => view.getComputedStyle(one));
  return decideScheme({
    said: looks[0].colorScheme,
    meta: meta && meta.getAttribute('content'),
    grounds: looks.map((look) => look.backgroundColor),
  });
}
