// A visit as the shop's page sees it: the script boots in a fake window, and what it told its listeners is kept.
import { boot } from '../../src/loader.js';
import { openStore } from '../../src/store.js';
import { fakeWindow } from './window.js';

/** A page with the script on it, after "ready". `events` lists what the shop's listeners heard. */
export async function visit(overrides) {
  const host = fakeWindow(overrides);
  const events = [];
  boot(host);
  ['subscribed', 'unsubscribed', 'denied', 'error', 'changed'].forEach((name) => host.Steeple.on(name, () => events.push(name)));
  const ready = await new Promise((resolve) => { host.Steeple.on('ready', resolve); });
  return { host, steeple: host.Steeple, gateway: host.gateway, events, ready };
}

/** The same browser comes back: storage, worker and permission stay, and so does the gateway. */
export const revisit = ({ host }, overrides = {}) => visit({
  gateway: host.gateway, indexedDB: host.indexedDB, Notification: host.Notification, navigator: host.navigator, ...overrides,
});

export const pushOf = (host) => host.navigator.serviceWorker.registrations[0].pushManager;
export const requests = (gateway, from) => gateway.names().slice(from).filter((name) => name !== 'GET /v1/sdk/config');
export const storeOf = (host) => openStore(host);

/** An hour passes: the next visit asks for the settings again. */
export const anHourLater = ({ host }) => storeOf(host).update('config', (config) => ({ ...config, at_ms: 0 }));
