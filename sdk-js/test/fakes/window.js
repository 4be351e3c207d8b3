// A fake window and document: just the browser APIs the page script touches, each replaceable by a test.
import { FakeGateway } from './gateway.js';
import { FakeIndexedDB } from './indexeddb.js';
import { FakeServiceWorkerContainer } from './push.js';

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0';

export function fakeTag(attributes = {}, src = 'https://push.shop.example/sdk/v1/steeple.js') {
  const all = { app: 'app_1', ...attributes };
  return { src, dataset: Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null)) };
}

export function fakeNotification(held = 'default', answer = 'granted') {
  return {
    permission: held,
    asked: 0,
    requestPermission() {
      this.asked += 1;
      this.permission = answer;
      return Promise.resolve(answer);
    },
  };
}

export function fakeWindow({ attributes, src, ...overrides } = {}) {
  const gateway = overrides.gateway || new FakeGateway();
  return {
    gateway,
    isSecureContext: true,
    PushManager: class {},
    Notification: fakeNotification(),
    indexedDB: new FakeIndexedDB(),
    fetch: gateway.fetch,
    location: new URL('https://shop.example/cart?email=a@b.c'),
    console: { lines: [], warn(...words) { this.lines.push(words.join(' ')); } },
    navigator: { userAgent: FIREFOX, language: 'nl', serviceWorker: new FakeServiceWorkerContainer() },
    document: { currentScript: fakeTag(attributes, src), querySelector: () => null },
    ...overrides,
  };
}
