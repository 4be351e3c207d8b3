// A place of ours in the page: one element with a shadow root, out of reach of the page's styles, that shows a view.
import { chosenIn, drawCard, element } from './card.js';
import { themeSheet } from './colours.js';
import { schemeOf } from './scheme.js';

const ANNOUNCE_MS = 100;

/** Style sheets of a shadow root: adopted, which every policy allows; where a browser cannot yet, as elements. */
export function dress({ document, CSSStyleSheet }, root, nonce, texts) {
  if (root.adoptedStyleSheets) {
    root.adoptedStyleSheets = texts.map((text) => {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(text);
      return sheet;
    });
    return;
  }
  texts.forEach((text) => {
    const tag = element(document, 'style', {}, text);
    tag.nonce = nonce;
    root.append(tag);
  });
}

/**
 * An empty element with our styles. `kind`: "frame" (over the page), "bell" (a button over the page), "inline" (in the flow).
 * @param {{host: Window, css: string, nonce: string}} deps
 * @param {{theme: object, scheme: string, position: string, over: ?string}} look
 */
export function openShell({ host, css, nonce }, kind, { theme, scheme, position, over }) {
  const shell = element(host.document, 'steeple-prompt', {
    'data-kind': kind, 'data-scheme': scheme === 'auto' ? schemeOf(host.document) : scheme, 'data-position': position, 'data-over': over,
  });
  const root = shell.attachShadow({ mode: 'open' });
  dress(host, root, nonce, [css, themeSheet(theme)]);
  return { shell, root };
}

/** What has the focus, also inside shadow roots. */
function focused({ activeElement }) {
  let found = activeElement;
  while (found && found.shadowRoot && found.shadowRoot.activeElement) found = found.shadowRoot.activeElement;
  return found;
}

/**
 * A surface that shows one view at a time; `press(id)` hears its buttons and, as "escape", the key.
 * Focus moves into it only when asked to, and goes back to where it was when the surface closes with the focus inside.
 */
export function createSurface(deps, kind, { place, press }) {
  const { document } = deps.host;
  let [shell, root, card, before, status] = [];

  const isOutside = (target) => !root.contains(target);

  function open(look) {
    ({ shell, root } = openShell(deps, kind, look));
    status = element(document, 'p', { class: 'hidden', role: 'status', lang: look.language });
    root.append(status);
    root.addEventListener('keydown', ({ key }) => key === 'Escape' && press('escape'));
    root.addEventListener('focusin', ({ relatedTarget }) => {
      if (!before && isOutside(relatedTarget)) before = relatedTarget;
    });
    root.addEventListener('focusout', ({ relatedTarget }) => {
      if (isOutside(relatedTarget) && relatedTarget) before = null;
    });
    place(shell);
  }

  const holdsFocus = () => Boolean(root && root.activeElement);

  function draw(view, look) {
    const next = drawCard(document, view, look, press);
    if (card) card.replaceWith(next);
    else root.append(next);
    card = next;
  }

  function show(view, look, { takesFocus } = {}) {
    const isInside = holdsFocus();
    const origin = isInside ? before : takesFocus && focused(document);
    if (!shell) open(look);
    draw(view, look);
    if (isInside || takesFocus) {
      card.focus({ preventScroll: true });
      before = origin;
    } else if (kind === 'frame') announce(view.title);
  }

  /** Read out by screen readers. A region is listened to only once it stands in the page, so the text comes a little later. */
  function announce(text) {
    const region = status;
    setTimeout(() => { region.textContent = text; }, ANNOUNCE_MS);
  }

  function say(text, isBusy) {
    announce(text);
    card.querySelector('.note').textContent = text;
    card.setAttribute('aria-busy', String(Boolean(isBusy)));
  }

  function close() {
    const isInside = holdsFocus();
    if (shell) shell.remove();
    if (isInside && before && before.isConnected) before.focus({ preventScroll: true });
    [shell, root, card, before, status] = [];
  }

  return {
    show,
    say, // a word on how things go; while busy nothing is there to press
    close,
    chosen: () => chosenIn(card),
    isOpen: () => Boolean(shell),
  };
}
