// An open page that wants to hear of news: it asks while somebody looks at it, ever more seldom while nothing comes.
import { OK } from '../wire.js';
import { nextWait } from './waiting.js';

/** @param {function} ask answers with the box's first page */
export function createWatch(host, ask) {
  const { document } = host;
  let timer = null;
  let waited = 0;
  let newest = null;
  let isStarted = false;
  let isAsking = false;

  const isSeen = () => document.visibilityState !== 'hidden';

  async function turn() {
    if (isAsking || !isStarted || !isSeen()) return;
    isAsking = true;
    const found = await ask().catch(() => ({ ok: false }));
    isAsking = false;
    const { page } = found;
    const isNews = Boolean(page) && (page.items[0] || {}).id !== newest;
    if (page) newest = (page.items[0] || {}).id;
    waited = nextWait({ waited_ms: waited, poll_s: (page || {}).poll_s, isOk: found.ok && !found.isStale, isNews, draw: Math.random() });
    clearTimeout(timer);
    if (isStarted) timer = setTimeout(turn, waited);
    if (timer && timer.unref) timer.unref(); // a test's process may end
  }

  /** Asks nothing more, until it is started again. */
  function stop() {
    clearTimeout(timer);
    document.removeEventListener('visibilitychange', turn);
    isStarted = false;
  }

  /** From now on; a second call changes nothing. */
  async function start() {
    if (isStarted) return OK;
    isStarted = true;
    document.addEventListener('visibilitychange', turn);
    await turn();
    return OK;
  }

  return { start, stop, isOn: () => isStarted };
}
