// The room of the inbox: what `Steeple.inbox` does, and what an open page shows by itself where its tag says so.
import { failed, OK } from '../wire.js';
import { createBox } from './box.js';
import { bannerOf } from './entries.js';
import { createReader } from './reader.js';
import { createWatch } from './watch.js';

const FRESH_MS = 60 * 1000;
const JUST_NOW_MS = 5 * 1000;
const IDS_MAX = 100;

const shown = ({ page, ...answer }) => (answer.ok
  ? { ...OK, items: page.items, unread: page.unread, next: page.next }
  : answer);

export function createInbox(core) {
  const { host, visit, enter } = core;
  const reader = createReader(core);
  const box = createBox(core, reader, (page) => watcher.isOn() && offer(page));
  const read = (ids) => box.mark(ids);
  let panel = null;
  let banner = null;

  /** The views, made when there is first something to show. */
  async function views() {
    const view = await enter('inbox-view');
    panel = panel || view.panel({ more: (after) => box.further(0, after), read });
    banner = banner || view.banner({ read });
  }

  /** Only what may be a banner loads the view of one. A banner that cannot be shown is nobody's fault. */
  async function offer(page) {
    if (!banner && bannerOf(page, [])) await views().catch(() => {});
    if (banner) banner.offer(page);
  }

  /** Runs `work` unless the app is switched off or was never named; push itself is not needed. */
  const allowed = (work) => async (...args) => {
    const ready = core.options.app ? await visit.learn() : failed('app_missing');
    return ready.ok ? work(...args) : ready;
  };

  const watcher = createWatch(host, allowed(() => box.first(FRESH_MS)));

  /** `{items, unread, next}`: the newest, or with `after` what `next` said. */
  async function list({ limit, after } = {}) {
    return shown(await (limit || after ? box.further(limit, after) : box.first(JUST_NOW_MS)));
  }

  async function unread() {
    const { items, next, ...answer } = shown(await box.first(FRESH_MS));
    return answer;
  }

  /** Marks messages as read: an id, several, or all. */
  async function markRead(...ids) {
    const given = ids.flat();
    const named = given.filter((id) => typeof id === 'string' && id).slice(0, IDS_MAX);
    if (given.length && !named.length) return failed('invalid', 'inbox.read takes ids of messages, or nothing for all');
    return read(named.length ? named : null);
  }

  async function show() {
    const found = await box.first(JUST_NOW_MS);
    if (!found.ok) return found;
    await views();
    banner.close();
    panel.open(found.page);
    return OK;
  }

  /** Called when the consent is withdrawn. */
  async function leave() {
    watcher.stop();
    if (banner) banner.close();
    await reader.leave();
    return OK;
  }

  return {
    list: allowed(list), unread: allowed(unread), read: allowed(markRead), show: allowed(show), watch: allowed(watcher.start), leave,
  };
}
