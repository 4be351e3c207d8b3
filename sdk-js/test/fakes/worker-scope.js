// A fake ServiceWorkerGlobalScope: keeps the listeners, and plays events whose waitUntil a test can await.
import { FakeGateway } from './gateway.js';
import { FakeIndexedDB } from './indexeddb.js';
import { FakeRegistration } from './push.js';

const CHROME = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36';
const SAFARI = 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.4 Safari/605.1.15';

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0';

export const agents = { chrome: CHROME, safari: SAFARI, firefox: FIREFOX };

class FakeClients {
  constructor() {
    this.tabs = [];
    this.opened = [];
  }

  async matchAll() { return this.tabs; }

  async openWindow(address) { this.opened.push(address); }

  addTab(url) {
    const tab = { url, focused: 0, focus: async () => { tab.focused += 1; return tab; } };
    this.tabs.push(tab);
    return tab;
  }
}

export function fakeWorkerScope(overrides = {}) {
  const gateway = overrides.gateway || new FakeGateway();
  const listeners = {};
  const address = 'https://shop.example/steeple/worker.js?gateway=https%3A%2F%2Fpush.shop.example&app=app_1';
  const scope = {
    gateway,
    listeners,
    indexedDB: new FakeIndexedDB(),
    fetch: gateway.fetch,
    location: new URL(overrides.address || address),
    navigator: { userAgent: CHROME, language: 'nl' },
    Notification: { maxActions: 2 },
    clients: new FakeClients(),
    registration: new FakeRegistration('https://shop.example/steeple/', address),
    skipped: 0,
    async skipWaiting() { scope.skipped += 1; },
    addEventListener: (name, listener) => { (listeners[name] = listeners[name] || []).push(listener); },
    ...overrides,
  };
  /** Plays an event and waits for everything its listeners asked to be waited for. */
  scope.play = async (name, fields = {}) => {
    const promises = [];
    const event = { ...fields, waitUntil: (promise) => promises.push(promise) };
    (listeners[name] || []).forEach((listener) => listener(event));
    if (!promises.length) throw new Error(`nobody waits for ${name}`);
    await Promise.all(promises);
  };
  scope.push = (payload) => scope.play('push', {
    data: payload === null ? null : { text: () => (typeof payload === 'string' ? payload : JSON.stringify(payload)) },
  });
  scope.click = (notification, action = '') => scope.play('notificationclick', { notification, action });
  return scope;
}

export function message(fields = {}, marks = {}) {
  const steeple = { m: 'msg_1', s: 'sub_1', t: 'token-1', ...marks };
  return {
    web_push: 8030,
    notification: { title: 'Sale', body: 'Now', navigate: 'https://shop.example/sale', ...fields, data: { ...fields.data, steeple } },
  };
}
