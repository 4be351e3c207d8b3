// A fake of what the room "inbox" stands on: a gateway with visitors and one inbox, a store, and a page's document.
import { FakeIndexedDB } from './indexeddb.js';
import { openStore } from '../../src/store.js';

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0';

export const message = (id, fields = {}) => ({
  id, title: `Title of ${id}`, body: '', url: '', icon: '', image: '', actions: [], data: {}, category: 'marketing',
  at: '2026-11-01T09:00:00Z', until: null, read: false, banner: false, ...fields,
});

export class FakePost {
  constructor() {
    this.calls = [];
    this.visitors = new Map();
    this.messages = [];
    this.refuse = {};
    this.next = null;
    this.isDown = false;
  }

  call = async (method, path, { body, secret } = {}) => {
    this.calls.push(`${method} ${path.split('?')[0].replace(/vis_\d+/, 'vis')}`);
    if (this.isDown) return { status: 0, body: null };
    const [noun, id, ...rest] = path.split('?')[0].split('/').slice(2);
    const refused = this.refuse[`${method} ${rest.join('/') || noun}`];
    if (refused) return { status: refused, body: { error: { code: 'refused_by_test', message: 'no' } } };
    return this.route(method, noun, id, rest.join('/'), body, secret);
  };

  route(method, noun, id, part, body, secret) {
    if (!id) return this.make(body);
    const known = noun === 'visitors' ? this.visitors.get(id) : { secret: 'stpl_ds_1' };
    if (!known || secret !== known.secret) return { status: 401, body: { error: { code: 'secret_invalid' } } };
    if (method === 'DELETE' && !part) { this.visitors.delete(id); return { status: 204, body: null }; }
    if (part === 'identity') { known.user = method === 'DELETE' ? null : body.external_id; return { status: 200, body: {} }; }
    if (part === 'inbox/read') return this.mark(body);
    const unread = this.messages.filter((one) => !one.read).length;
    return { status: 200, body: { data: structuredClone(this.messages), unread, next: this.next, poll: 60, link_hosts: ['cdn.example'] } };
  }

  make(said) {
    const id = `vis_${this.visitors.size + 1}`;
    this.visitors.set(id, { said, secret: `stpl_vs_${id}`, user: null });
    return { status: 201, body: { id, secret: `stpl_vs_${id}` } };
  }

  mark(body) {
    this.messages.forEach((one) => { one.read = one.read || body.all || body.messages.includes(one.id); });
    return { status: 204, body: null };
  }
}

/** What the page script hands to a room. `events` is what listeners heard; `shown` what was to be seen. */
export function coreOf(post, { subscribed = false, app = 'app_1', killed = false, indexedDB = new FakeIndexedDB() } = {}) {
  const listeners = [];
  const document = { visibilityState: 'visible', addEventListener: (_, listener) => listeners.push(listener), removeEventListener: (_, listener) => listeners.splice(listeners.indexOf(listener), 1) };
  const host = { document, indexedDB, navigator: { userAgent: FIREFOX, language: 'nl' }, location: new URL('https://shop.example/cart') };
  const events = [];
  const shown = [];
  const view = {
    panel: (acts) => ({ open: (page) => shown.push(['panel', page.items.map(({ id }) => id), acts]) }),
    banner: () => ({ offer: (page) => shown.push(['banner', page.items.map(({ id }) => id)]), close() {} }),
  };
  return {
    host,
    options: { app, language: null, data: {} },
    store: openStore(host),
    visit: { call: post.call, learn: async () => (killed ? { ok: false, reason: 'killed' } : { ok: true, reason: null }) },
    api: { state: async () => ({ subscribed }) },
    emit: (name, detail) => events.push([name, detail.unread]),
    enter: async (name) => { shown.push([name]); return view; },
    events,
    shown,
    becomeVisible: (state) => { document.visibilityState = state; listeners.forEach((listener) => listener()); },
  };
}
