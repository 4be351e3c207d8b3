// Fakes of PushManager, ServiceWorkerRegistration and its container, shaped as the Push API and Service Workers
// standards describe them and as far as src/ uses them.
import { keyBytes, keyText } from '../../src/key.js';

const domError = (name) => Object.assign(new Error(name), { name });

export class FakePushManager {
  constructor() {
    this.held = null;
    this.made = 0;
    this.fault = null;
    this.hangs = false;
    this.tellsKey = true; // false: an engine that does not say which key a subscription was made with
    this.comparesKeys = true; // false: an engine that answers the held subscription whatever the key
  }

  subscription(endpoint, key) {
    return {
      endpoint,
      options: { applicationServerKey: this.tellsKey ? keyBytes(key).buffer : null },
      toJSON: () => ({ endpoint, keys: { p256dh: `p-${endpoint}`, auth: 'a' } }),
      unsubscribe: async () => { this.held = null; return true; },
    };
  }

  subscribe({ applicationServerKey, userVisibleOnly }) {
    if (!userVisibleOnly) return Promise.reject(domError('NotAllowedError'));
    if (this.hangs) return new Promise(() => {});
    if (this.fault) return Promise.reject(domError(this.fault));
    const key = keyText(applicationServerKey);
    const other = this.comparesKeys && this.held && keyText(this.held.options.applicationServerKey) !== key;
    if (other) return Promise.reject(domError('InvalidStateError'));
    if (!this.held) {
      this.made += 1;
      this.held = this.subscription(`https://push.example/${this.made}`, key);
    }
    return Promise.resolve(this.held);
  }

  async getSubscription() { return this.held; }
}

export class FakeRegistration {
  constructor(scope, scriptURL) {
    this.scope = scope;
    this.told = []; // what pages said to the worker
    this.active = { scriptURL, state: 'activated', addEventListener() {}, postMessage: (data) => this.told.push(data) };
    this.pushManager = new FakePushManager();
    this.open = [];
    this.shown = [];
    this.updates = 0;
    this.isGone = false;
  }

  async update() { this.updates += 1; }

  async unregister() { this.isGone = true; return true; }

  async getNotifications({ tag } = {}) { return this.open.filter((one) => !tag || one.tag === tag); }

  async showNotification(title, options) {
    if (this.refuses && this.refuses(options)) throw new TypeError('refused option');
    const notification = { title, ...options };
    notification.close = () => { this.open = this.open.filter((one) => one !== notification); };
    this.shown.push(notification);
    this.open = [...this.open.filter((one) => !options.tag || one.tag !== options.tag), notification];
  }
}

export class FakeServiceWorkerContainer {
  constructor() {
    this.registrations = [];
    this.registered = [];
    this.listeners = [];
  }

  addEventListener(name, listener) { this.listeners.push([name, listener]); }

  /** A worker tells this page. */
  tell(data) { this.listeners.filter(([name]) => name === 'message').forEach(([, listener]) => listener({ data })); }

  async getRegistrations() { return this.registrations.filter((one) => !one.isGone); }

  async getRegistration(address) {
    const fitting = (await this.getRegistrations()).filter((one) => address.startsWith(one.scope));
    return fitting.sort((a, b) => b.scope.length - a.scope.length)[0];
  }

  async register(address, { scope }) {
    this.registered.push(address);
    if (this.fault) throw domError(this.fault);
    const same = this.registrations.find((one) => one.scope === scope);
    const made = same || new FakeRegistration(scope, address);
    made.active.scriptURL = address;
    if (!same) this.registrations.push(made);
    return made;
  }
}
