// What OneSignal's properties and events tell, drawn from Steeple's own: a picture of the subscription that is taken
// anew whenever Steeple says something happened, and listeners that hear of differences.
import { permission } from '../subscription.js';

const HAPPENINGS = ['ready', 'subscribed', 'unsubscribed', 'changed', 'denied'];

/** `addEventListener` and `removeEventListener` over Steeple's events; `never` names those that no page hears here, `wanted` hears which one is. */
export function listenable(events, prefix, { never = [], note, wanted = () => {} }) {
  const stops = new Map();
  return {
    addEventListener(name, listener) {
      if (never.includes(name)) note(`${prefix}.addEventListener("${name}")`, 'the worker does not tell pages.');
      stops.set(listener, events.on(`${prefix}.${name}`, listener));
      wanted(name);
    },
    removeEventListener(name, listener) {
      const stop = stops.get(listener);
      if (stop) stop();
      stops.delete(listener);
    },
  };
}

const EMPTY = { id: null, token: null, optedIn: false };
const isSame = (one, other) => Object.keys(EMPTY).every((name) => one[name] === other[name]);

/** `{picture(), watch(steeple)}`; tells `PushSubscription.change` and `Notifications.permissionChange` to `events`. */
export function createWatch({ host, store, events }) {
  let picture = EMPTY;
  let held = permission(host);

  async function look(steeple) {
    const { subscribed, id } = await steeple.state();
    const device = subscribed && await store.get('device');
    return { id, token: device ? device.endpoint : null, optedIn: subscribed };
  }

  async function renew(steeple) {
    const current = await look(steeple);
    const previous = picture; // read now: another event may have been looked at meanwhile
    picture = current;
    if (!isSame(previous, current)) events.emit('PushSubscription.change', { previous, current });
    if (permission(host) === held) return;
    held = permission(host);
    events.emit('Notifications.permissionChange', held === 'granted');
  }

  /** Follows this Steeple; `then` is called each time the picture is up to date. */
  function watch(steeple, then) {
    const again = () => renew(steeple).then(then).catch(() => {});
    HAPPENINGS.forEach((name) => steeple.on(name, again));
  }

  return { picture: () => picture, watch };
}
