// Permission and the PushManager: what the browser itself knows of this visitor.
import { keyBytes, keyText } from './key.js';
import { isIos } from './platform.js';
import { within } from './time.js';
import { failed } from './wire.js';

const SUBSCRIBE_LIMIT_MS = 30000; // Chromium without a reachable push service never settles

/** Why this browser cannot have push at all, or null when it can. */
export function unsupported(host) {
  const { navigator } = host;
  if (!host.isSecureContext) return 'insecure';
  if (navigator && navigator.serviceWorker && host.PushManager && host.Notification) return null;
  // iOS has push only in apps put on the home screen: the shop can show how.
  return isIos(navigator) && !navigator.standalone ? 'ios_home_screen' : 'unsupported';
}

export const permission = (host) => (host.Notification && host.Notification.permission) || 'default';

/** Asks in the caller's own turn: Safari refuses once anything was awaited after the click. */
export function askPermission(host) {
  const held = permission(host);
  return held === 'default' ? host.Notification.requestPermission() : Promise.resolve(held);
}

/** The browser's subscription in plain words, or null. */
export function readSubscription(subscription) {
  if (!subscription) return null;
  const { endpoint, keys } = subscription.toJSON();
  return { endpoint, keys, key: keyText(subscription.options && subscription.options.applicationServerKey) };
}

const ask = (registration, key) => within(
  SUBSCRIBE_LIMIT_MS,
  registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: keyBytes(key) }),
);

/** Subscribes with `key`; a subscription made with another key is given up first, as the Push API demands. */
export async function subscribeWith(registration, key) {
  try {
    return readSubscription(await ask(registration, key));
  } catch (error) {
    if (error.name !== 'InvalidStateError') throw error;
    await dropSubscription(registration);
    return readSubscription(await ask(registration, key));
  }
}

/** Ends the browser's subscription, if any. */
export async function dropSubscription(registration) {
  const held = registration && await registration.pushManager.getSubscription();
  return held ? held.unsubscribe() : true;
}

/** The word for a failed pushManager.subscribe (Push API, section 5). */
export function subscribeFault(error) {
  const reasons = { NotAllowedError: 'denied', TimeoutError: 'timeout' };
  return failed(reasons[error.name] || 'push_service', error.message);
}
