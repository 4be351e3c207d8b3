// The bell: a round button in a corner of the window that opens a prompt when somebody wants one.
import { element } from './card.js';
import { openShell } from './surface.js';

/** Hangs it up by `place(shell)`. `ring(button)` runs in the click's own turn. */
export function hangBell(deps, look, { label, place, ring }) {
  const { shell, root } = openShell(deps, 'bell', { ...look, over: null });
  const button = element(deps.host.document, 'button', {
    type: 'button', class: 'bell-button bell', lang: look.language, 'aria-label': label, title: label, 'aria-haspopup': 'dialog',
  });
  button.addEventListener('click', ring);
  root.append(button);
  place(shell);
}
