// What the worker's handlers share: who we are, the store, the gateway, and the kill switch.
import { keptConfig, loadConfig } from './config.js';
import { isWebKit } from './platform.js';
import { flush, keep } from './receipts.js';
import { drawerOf, openStore } from './store.js';
import { VERSION } from './version.js';
import { gatewayCalls } from './wire.js';

const CONFIG_AGE_MAX_MS = 24 * 3600 * 1000;

const isWebAddress = (text) => /^https?:\/\//.test(text || '');

export function createDesk(scope) {
  const store = openStore(scope, drawerOf(scope.registration.scope));
  const query = new URLSearchParams(scope.location.search);
  // Without our query this is a shop's own worker that imports us: it must keep its life in its own hands.
  const isOwnWorker = query.has('app');
  const ended = new Set(); // messages that we closed ourselves while this worker runs: their close event is no "closed"

  /** Gateway, app and the rest: from our own address, else what the page wrote. Null before the first visit. */
  async function settings() {
    const kept = (await store.get('settings')) || {};
    const { app, gateway } = isOwnWorker ? { app: query.get('app'), gateway: query.get('gateway') } : kept;
    return isWebAddress(gateway) && app ? { ...kept, app, gateway } : null;
  }

  const config = async (who, age_ms_max) => (await loadConfig({
    store, call: gatewayCalls(scope, who.gateway), gateway: who.gateway, app: who.app, age_ms_max,
  })).config;

  /** Sends what waits, together. */
  async function hurry() {
    const who = await settings();
    if (who) await flush(store, gatewayCalls(scope, who.gateway));
  }

  /** Keeps what became of a message, if the shop wants to know, for `hurry` to send; never fails. */
  async function note(kind, token, action) {
    const who = await settings();
    if (!who || !token || who.receipts === false) return;
    const wanted = await store.get('config');
    if (wanted && !wanted.receipts.includes(kind)) return;
    await keep(store, { token, kind, at: new Date().toISOString(), action: action || undefined });
  }

  async function retire() {
    const held = await scope.registration.pushManager.getSubscription();
    if (held) await held.unsubscribe();
    if (isOwnWorker) await scope.registration.unregister();
  }

  /** Obeys the operator's kill switch, after the notification is on screen; asks for it at most once a day. */
  async function obeyKillSwitch({ mayAsk }) {
    const who = await settings();
    if (!who) return;
    const known = mayAsk ? await config(who, CONFIG_AGE_MAX_MS) : await keptConfig(store, who.gateway, who.app);
    if (known && known.killed) await retire();
  }

  return {
    scope,
    store,
    ended,
    settings,
    config,
    note,
    hurry,
    obeyKillSwitch,
    isWebKit: isWebKit(scope.navigator),
    takeOver: async () => { if (isOwnWorker) await scope.skipWaiting(); },
    noteVersion: () => store.set('worker', { version: VERSION }),
  };
}
