// The state of this browser as something a view can follow: the last one known, and a call for each new one.
const EVENTS = ['ready', 'changed', 'subscribed', 'unsubscribed', 'denied'];
const UNKNOWN = Object.freeze({ supported: false, permission: 'default', subscribed: false, id: null, topics: [], reason: null });
const followed = new WeakMap();

function follow(steeple) {
  let state = UNKNOWN;
  const listeners = new Set();

  const renew = async () => {
    state = Object.freeze(await steeple.state());
    listeners.forEach((listener) => listener());
  };

  EVENTS.forEach((name) => steeple.on(name, renew));
  return {
    get: () => state,
    first: () => UNKNOWN,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/**
 * `{get(), first(), subscribe(listener)}` of a Steeple, one for all views; `get` is the same object until something
 * changed, `first` is what a server draws.
 */
export function liveOf(steeple) {
  if (!followed.has(steeple)) followed.set(steeple, follow(steeple));
  return followed.get(steeple);
}
