// Vue: `const state = useSteeple(steeple)` in `setup`; `state.value.subscribed` follows the browser.
import { onScopeDispose, shallowReadonly, shallowRef } from 'vue';
import { liveOf } from '../bindings/live.js';

/** The state of this browser, as `steeple.state()` tells it; "not supported" until it is known, and on a server. */
export function useSteeple(steeple) {
  const live = liveOf(steeple);
  const state = shallowRef(live.get());
  onScopeDispose(live.subscribe(() => { state.value = live.get(); }));
  return shallowReadonly(state);
}
