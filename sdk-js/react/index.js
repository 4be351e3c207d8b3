// React: `const { subscribed, permission } = useSteeple(steeple)` renders again whenever one of them changes.
import { useSyncExternalStore } from 'react';
import { liveOf } from '../bindings/live.js';

/** The state of this browser, as `steeple.state()` tells it; "not supported" until it is known, and on a server. */
export function useSteeple(steeple) {
  const { get, first, subscribe } = liveOf(steeple);
  return useSyncExternalStore(subscribe, get, first); // a page that is hydrated must begin as the server drew it
}
