// The inbox as this browser knows it: the first page, kept under "inbox" so that a page view costs no request while it
// is fresh, one conditional request otherwise, and other tabs see what one of them heard.
import { failure, isOk, OK } from '../wire.js';
import { pageOf, withoutOver, withRead } from './entries.js';

const ROWS = 20;
const ROWS_MAX = 100;

/** @param {function} hear gets the first page whenever it was looked at or changed */
export function createBox({ host, store, emit }, reader, hear) {
  let told = null; // what listeners heard last

  function tell(page) {
    const { items, unread } = page;
    const news = `${unread} ${items.map(({ id }) => id)}`;
    if (news !== told) emit('inbox', { unread, items });
    told = news;
    hear(page);
  }

  async function kept() {
    const found = await store.get('inbox');
    return found && found.key === await reader.keyNow() ? found : null;
  }

  async function load(query) {
    const { answer, key } = await reader.ask('GET', `/inbox${query}`);
    if (!isOk(answer) || !answer.body) return { failed: failure(answer) };
    return { page: pageOf(answer.body, host.location.origin), key };
  }

  /** The first page, at most so old. Answers like a public call, with `page`; without a network what was heard last. */
  async function first(age_max) {
    const old = await kept();
    const age = old ? Date.now() - old.at_ms : NaN;
    const isFresh = age >= 0 && age < age_max;
    const { page, key, failed } = isFresh ? { page: old.page } : await load(`?limit=${ROWS}`);
    if (failed && (!old || failed.reason !== 'offline')) return failed;
    if (page && !isFresh) await store.set('inbox', { key, page, at_ms: Date.now() });
    const now = withoutOver(page || old.page, Date.now());
    tell(now);
    return { ...OK, page: now, isStale: Boolean(failed) };
  }

  /** Another page, from the gateway. */
  async function further(limit, after) {
    const rows = Math.min(Math.max(Math.trunc(limit) || ROWS, 1), ROWS_MAX);
    const { page, failed } = await load(`?limit=${rows}${after ? `&after=${encodeURIComponent(after)}` : ''}`);
    return failed || { ...OK, page };
  }

  /** Notes that messages are read; `ids` null: all. */
  async function mark(ids) {
    const { answer } = await reader.ask('POST', '/inbox/read', ids ? { messages: ids } : { all: true });
    if (!isOk(answer)) return failure(answer);
    const after = await store.update('inbox', (held) => (held ? { ...held, page: withRead(held.page, ids) } : undefined));
    if (after) tell(after.page);
    return OK;
  }

  return { first, further, mark };
}
