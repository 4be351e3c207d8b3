// A visitor comes over: the worker file must be ours by now, then the address that was made with OneSignal's key is
// given up for one made with ours. Permission belongs to the shop's origin and stays; nobody is asked again.
import { ensureRegistration } from '../registration.js';
import { dropSubscription, permission, readSubscription, subscribeFault, subscribeWith } from '../subscription.js';
import { within } from '../time.js';
import { trustedAddress } from '../trusted.js';
import { readLegacy } from './legacy.js';
import { KEPT, merged } from './tags.js';

const LIMIT_MS = 10000;
const THEIRS = /\/OneSignalSDK(Updater)?Worker\.js$/;

const anyWorker = (registration) => registration.active || registration.waiting || registration.installing;
const pathOf = (registration) => new URL(anyWorker(registration).scriptURL).pathname;
const isTheirs = (registration) => Boolean(anyWorker(registration)) && THEIRS.test(pathOf(registration));

function settled(worker) {
  return new Promise((resolve) => {
    const look = () => ['activated', 'redundant'].includes(worker.state) && resolve();
    worker.addEventListener('statechange', look);
    look();
  });
}

/** Fetches the worker file anew and waits until what it holds by now is in force. */
async function renew(registration) {
  await registration.update();
  await within(LIMIT_MS, settled(registration.installing || registration.waiting || registration.active));
}

/**
 * `register(host, options, visit)`, to stand in for the page script's own: answers a registration that runs our
 * worker, after whoever OneSignal reached on this browser has been brought over.
 * Rejects with `reason` "worker_foreign" while the shop's worker file still loads OneSignal's; nothing is changed then.
 */
export function createMove({ store }) {
  const isOurs = async () => Boolean(await store.get('worker')); // our worker writes it when it takes over

  /** Version 15 kept two file names in turn at one scope. */
  async function replaceUpdater(host, { worker, scope }) {
    const found = await host.navigator.serviceWorker.getRegistration(scope);
    if (!found || found.scope !== scope || !isTheirs(found) || pathOf(found) === new URL(worker).pathname) return;
    await host.navigator.serviceWorker.register(trustedAddress(host, worker), { scope });
  }

  async function settle(host, options) {
    await replaceUpdater(host, options);
    const registration = await ensureRegistration(host, options);
    if (!await isOurs()) await renew(registration).catch(() => {});
    if (await isOurs()) return registration;
    const line = `${options.worker} must hold: importScripts("${options.gateway}/sdk/v1/onesignal-worker.js")`;
    throw Object.assign(new Error(line), { reason: 'worker_foreign' });
  }

  /** Every registration here with an address of another key: theirs, wherever it was made. */
  async function addressesOfOthers(host, own, key) {
    const all = await host.navigator.serviceWorker.getRegistrations();
    const fitting = all.filter((one) => one.scope === own.scope || isTheirs(one));
    const held = await Promise.all(fitting.map((one) => one.pushManager.getSubscription()));
    return fitting.filter((_, at) => held[at] && readSubscription(held[at]).key !== key);
  }

  /** Their other registrations are ended: a shop that uses this script has chosen to leave. */
  const end = async (one, own) => {
    await dropSubscription(one);
    if (one.scope !== own.scope) await one.unregister();
  };

  async function subscribe(own, key) {
    try {
      await subscribeWith(own, key);
    } catch (error) {
      throw Object.assign(error, { reason: subscribeFault(error).reason }); // `coming` is kept: the next visit tries again
    }
  }

  async function bringOver(host, own, key) {
    const { coming } = (await store.get(KEPT)) || {};
    const others = await addressesOfOthers(host, own, key);
    if (!coming && !others.length) return;
    const { optedOut, tags } = await readLegacy(host);
    if (optedOut) await store.update('choice', (choice) => ({ ...choice, opted_out: true }));
    // Kept first: a page closed between the old address and the new one is finished by the next visit.
    else await store.update(KEPT, (kept) => ({ ...merged(kept, { ...tags, ...(kept || {}).tags }), coming: true }));
    await Promise.all(others.map((one) => end(one, own)));
    if (!optedOut) await subscribe(own, key);
  }

  return async function register(host, options, visit) {
    const own = await settle(host, options);
    const isStranger = !visit.device && !visit.choice.opted_out && permission(host) === 'granted';
    if (isStranger) await bringOver(host, own, visit.config.key);
    return own;
  };
}
