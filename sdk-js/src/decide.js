// What a visit must mend, as a pure function: facts in, one action out. The table in test/decide.test.js is its manual.
// @__KEY__ marks reasons that never leave our files: build.mjs makes them as short as names.

export const REFRESH_AFTER_MS = 3600 * 1000; // a visit tells the gateway "still here" once an hour
export const RETRY_AFTER_MS = 300 * 1000; // a gateway in trouble is not asked again on every page view

const act = (action, why, fields) => ({ do: action, why, fields: fields || {} });

const changedFields = (device, here) => Object.fromEntries(
  Object.entries(here).filter(([name, value]) => value && device[name] !== value),
);

export const isPast = (at_ms, span_ms, now_ms) => !(at_ms <= now_ms && now_ms - at_ms < span_ms);

function forLeaver({ device, subscription }) {
  return device || subscription ? act('leave', 'opted_out') : act('nothing', 'opted_out');
}

function forNobody({ device, blocked }) {
  if (device) return act('resubscribe', /* @__KEY__ */ 'subscription_lost');
  return blocked ? act('resubscribe', /* @__KEY__ */ 'allowed_again') : act('nothing', /* @__KEY__ */ 'never_subscribed');
}

/** Whether the browser's subscription was made with another key; one that does not tell is judged by what we told. */
const isOtherKey = ({ subscription, device, key, keyId }) => (subscription.key
  ? Boolean(key) && subscription.key !== key
  : Boolean(device && device.vapid_key_id && keyId) && device.vapid_key_id !== keyId);

function forSubscriber({ device, subscription, here, now_ms }) {
  if (!device) return act('enrol', /* @__KEY__ */ 'not_enrolled');
  if (device.endpoint !== subscription.endpoint) return act('move', /* @__KEY__ */ 'endpoint_changed');
  const fields = changedFields(device, here);
  if (Object.keys(fields).length) return act('amend', /* @__KEY__ */ 'locale_changed', fields);
  return isPast(device.seen_at_ms, REFRESH_AFTER_MS, now_ms) ? act('amend', /* @__KEY__ */ 'still_here') : act('nothing', /* @__KEY__ */ 'in_step');
}

/**
 * @param {object} state
 *   killed, opted_out, blocked (a subscriber who had taken the permission back): booleans; permission: "default" | "granted" | "denied"; now_ms, failed_at_ms: epoch
 *   subscription: null | {endpoint, key}, what the browser holds; key: base64url or null where it does not tell
 *   device: null | {endpoint, language, timezone, vapid_key_id, seen_at_ms}, what we stored after the last enrolment
 *   key, keyId: the app's current VAPID public key; here: {language, timezone} of this visit
 * @returns {{do: "nothing"|"leave"|"resubscribe"|"enrol"|"move"|"amend", why: string, fields: object}}
 */
export function decide(state) {
  const { device, subscription } = state;
  if (state.killed) return act('nothing', 'killed');
  if (!isPast(state.failed_at_ms, RETRY_AFTER_MS, state.now_ms)) return act('nothing', /* @__KEY__ */ 'backing_off');
  if (state.opted_out) return forLeaver(state);
  if (state.permission !== 'granted') return device ? act('leave', /* @__KEY__ */ 'permission_lost') : act('nothing', /* @__KEY__ */ 'no_permission');
  if (!subscription) return forNobody(state);
  if (isOtherKey(state)) return act('resubscribe', /* @__KEY__ */ 'key_changed');
  return forSubscriber(state);
}
