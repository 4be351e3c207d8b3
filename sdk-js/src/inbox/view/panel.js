// The panel that `Steeple.inbox.show()` opens: a dialog with the messages, newest first. What it has shown counts as read.
import { element } from '../../cards/card.js';
import { buttonOf, messageOf, openShell, timeOf } from './draw.js';

/** @param {{more: function, read: function}} acts `more(after)` another page, `read(ids)` marks */
export function createPanel(core, speaker, { more, read }) {
  const { document } = core.host;
  let shell = null;
  let dialog = null;

  function rowOf(entry, words) {
    const fresh = entry.read ? null : element(document, 'span', { class: 'fresh' }, words.fresh);
    const row = messageOf(document, entry, () => {}, fresh);
    row.querySelector('.line').removeAttribute('id'); // there are many here
    return element(document, 'li', {}, row, timeOf(document, entry, words.language, Date.now()));
  }

  /** Adds a page of messages to the list, and a button for the next one. */
  function add(list, page, words) {
    list.append(...page.items.map((entry) => rowOf(entry, words)));
    const unread = page.items.filter((one) => !one.read).map(({ id }) => id);
    if (unread.length) read(unread);
    if (!page.next) return;
    const button = buttonOf(document, 'more', words.more, async () => {
      button.disabled = true;
      const found = await more(page.next);
      button.disabled = false;
      if (!found.ok) return;
      const first = list.children.length;
      button.remove();
      add(list, found.page, words);
      const link = list.children[first] && list.children[first].querySelector('a');
      (link || dialog).focus();
    });
    list.after(button);
  }

  function close() {
    if (!shell) return;
    const before = shell;
    [shell, dialog] = [null, null];
    before.remove();
  }

  function build(page) {
    const words = speaker();
    const opened = openShell(core, 'panel', words);
    const list = element(document, 'ul', { role: 'list' }); // Safari takes the role away with the bullets
    const shut = () => (dialog.close ? dialog.close() : close());
    const content = page.items.length ? list : element(document, 'p', { class: 'empty' }, words.empty);
    dialog = element(document, 'dialog', { class: 'panel', 'aria-labelledby': 'steeple-title', tabindex: -1 },
      element(document, 'div', { class: 'head' }, element(document, 'h2', { id: 'steeple-title' }, words.title), buttonOf(document, 'close', words.close, shut, '×')),
      element(document, 'div', { class: 'scroll' }, content));
    dialog.addEventListener('close', close); // by the button, by Escape
    dialog.addEventListener('click', ({ target }) => target === dialog && shut()); // beside it
    opened.root.append(dialog);
    if (page.items.length) add(list, page, words);
    return opened.shell;
  }

  /** Shows this page of messages. Focus goes into the dialog, and back to where it was when that closes. */
  function open(page) {
    close();
    shell = build(page);
    document.body.append(shell);
    if (dialog.showModal) dialog.showModal();
    else dialog.setAttribute('open', '');
    dialog.focus(); // some browsers choose the first button, whose name would be read before the title
  }

  return { open };
}
