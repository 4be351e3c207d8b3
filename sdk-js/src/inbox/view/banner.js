// A message over an open page, until somebody closes or follows it. It takes no focus, covers no prompt, and what was
// closed is read: it comes up nowhere else.
import { element } from '../../cards/card.js';
import { bannerOf } from '../entries.js';
import { buttonOf, messageOf, openShell } from './draw.js';

/** @param {{read: function}} acts `read(ids)` marks */
export function createBanner(core, speaker, { read }) {
  const { document } = core.host;
  const putAway = []; // ids, on this page, whatever the network says
  let shell = null;
  let showing = null;
  let waiting = null;

  const isAsked = () => Boolean(document.querySelector('steeple-prompt[data-kind="frame"], steeple-inbox[data-kind="panel"]'));

  /** Once what is in the way has gone, `work` runs. Prompts stand beside the body or in it. */
  function whenFree(work) {
    const observer = new core.host.MutationObserver(() => {
      if (isAsked()) return;
      observer.disconnect();
      work();
    });
    [document.documentElement, document.body].forEach((one) => observer.observe(one, { childList: true }));
    waiting = observer;
  }

  function close() {
    if (waiting) waiting.disconnect();

    if (shell) shell.remove();
    [shell, showing, waiting] = [null, null, null];
  }

  function done(entry) {
    putAway.push(entry.id);
    close();
    read([entry.id]);
  }

  function build(entry) {
    const words = speaker();
    const opened = openShell(core, 'banner', words);
    const box = element(document, 'section', { class: 'banner', role: 'region', 'aria-label': words.message, 'aria-live': 'polite' });
    opened.root.append(box);
    opened.root.addEventListener('keydown', ({ key }) => key === 'Escape' && done(entry));
    box.append(messageOf(document, entry, () => done(entry)), buttonOf(document, 'close', words.close, () => done(entry), '×'));
    return opened.shell;
  }

  function put(entry) {
    showing = entry.id;
    shell = build(entry);
    document.body.append(shell);
  }

  /** Shows what is to be shown of this page of messages, once nothing of ours is open that asks something. */
  function offer(page) {
    const entry = bannerOf(page, putAway);
    if (entry && showing === entry.id) return;
    close();
    if (entry && isAsked()) whenFree(() => offer(page));
    else if (entry) put(entry);
  }

  return { offer, close };
}
