// A browser that OneSignal has reached: its worker at the shop's root, an address made with its key, its database.
// The worker file is the shop's; `holds` says whose code it loads by now, as the browser finds out by `update()`.
import { openStore } from '../../src/store.js';
import { FakeIndexedDB } from './indexeddb.js';
import { FakeRegistration, FakeServiceWorkerContainer } from './push.js';
import { fakeNotification, fakeTag, fakeWindow } from './window.js';

export const THEIR_KEY = 'BNcRdreALRFXTkOOUHK1EtK2wtaz5Ry4YfYCA_0QTpQtUbVlUls0VJXg7A8u-Ts1XbjhazAkj7I99e8QcYP7DkM';
export const ROOT = 'https://shop.example/';
export const SCRIPT = 'https://push.shop.example/sdk/v1/onesignal.js';

const later = (work) => setTimeout(work, 0);

/** Databases by name: ours, and theirs with `tables`, or without where OneSignal never was. */
export class NamedDatabases {
  constructor(tables = null) {
    this.ours = new FakeIndexedDB();
    this.tables = tables;
    this.made = [];
  }

  open(name) {
    return name === 'ONE_SIGNAL_SDK_DB' ? this.openTheirs(name) : this.ours.open();
  }

  openTheirs(name) {
    const request = { error: new Error('aborted') };
    later(() => {
      if (this.tables) return this.found(request);
      let isAborted = false;
      request.transaction = { abort: () => { isAborted = true; } };
      request.onupgradeneeded();
      if (!isAborted) this.made.push(name);
      return request.onerror({ preventDefault() {} });
    });
    return request;
  }

  found(request) {
    const { tables } = this;
    const getAll = (name) => {
      const all = { result: tables[name] };
      later(() => all.onsuccess());
      return all;
    };
    request.result = {
      objectStoreNames: { contains: (name) => name in tables },
      transaction: (name) => ({ objectStore: () => ({ getAll: () => getAll(name) }) }),
      close() {},
    };
    request.onsuccess();
  }
}

/** The container of a shop whose worker file loads our code (`holds` "steeple") or still theirs. */
export class ShopWorkers extends FakeServiceWorkerContainer {
  constructor(databases, holds = 'steeple') {
    super();
    this.databases = databases;
    this.holds = holds;
  }

  async getRegistrations() { return this.registrations.filter((one) => !one.isGone); }

  async run() {
    if (this.holds === 'steeple') await openStore({ indexedDB: this.databases }).set('worker', { version: '0.1.0' });
  }

  async register(address, options) {
    const made = await super.register(address, options);
    await this.run();
    return made;
  }

  add(scope, address) {
    const made = new FakeRegistration(scope, address);
    made.update = async () => { made.updates += 1; await this.run(); };
    this.registrations.push(made);
    return made;
  }
}

/** A page for OneSignal in a browser that knows it; `permission` and what its database says can be chosen. */
export function pageForOneSignal({ permission = 'granted', tables = { Options: [] }, holds, attributes, src, ...overrides } = {}) {
  const databases = new NamedDatabases(tables);
  const workers = new ShopWorkers(databases, holds);
  const tag = fakeTag(attributes, src || `${SCRIPT}?app=app_1`);
  if (!attributes) tag.dataset = {};
  const host = fakeWindow({
    indexedDB: databases, Notification: fakeNotification(permission),
    document: { currentScript: tag, querySelector: () => null },
    navigator: { userAgent: 'Firefox/153.0 Linux', language: 'nl', serviceWorker: workers }, ...overrides,
  });
  return { host, workers, databases };
}

/** Their registration with an address made by their key, as a visitor has it who once said yes. */
export async function reached(workers, scope = ROOT, file = 'OneSignalSDKWorker.js?appId=3f8a9c1e-0000-4000-8000-000000000000') {
  const theirs = workers.add(scope, `${ROOT}${file}`);
  theirs.pushManager.held = theirs.pushManager.subscription('https://push.example/theirs', THEIR_KEY);
  return theirs;
}
