// The shop's own markup as a surface: shown and hidden by its `hidden` attribute, its parts wired up. They are
// `data-steeple-yes` and `-no` (buttons), `-topic="slug"` (checkboxes) and `-note` (where a word on the progress goes).
const CONSENT_CHARS_MAX = 600; // the gateway keeps 2,048 bytes

/**
 * The same calls as a surface of ours has. `other` is one: what is no question (help, thanks) is shown there.
 */
export function createOwnSurface(holder, other, press) {
  const parts = (name) => [...holder.querySelectorAll(`[data-steeple-${name}]`)];

  ['yes', 'no'].forEach((id) => parts(id).forEach((button) => button.addEventListener('click', () => press(id))));
  holder.addEventListener('keydown', ({ key }) => key === 'Escape' && press('escape'));

  const hide = () => { holder.hidden = true; };
  const isOpen = () => !holder.hidden;

  return {
    show(view, look, options) {
      if (!view.actions.some(({ id }) => id === 'yes')) {
        hide();
        other.show(view, look, options);
      } else holder.hidden = false;
    },
    say: (text) => parts('note').forEach((note) => { note.textContent = text; }),
    close: () => { hide(); other.close(); },
    chosen: () => parts('topic').filter((box) => box.checked).map((box) => ({ slug: box.dataset.steepleTopic, label: '' })),
    text: () => holder.textContent.replace(/\s+/g, ' ').trim().slice(0, CONSENT_CHARS_MAX),
    isOpen,
  };
}
