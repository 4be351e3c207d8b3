// What `Steeple.state()` tells, and which reasons are facts of this browser rather than faults worth an event.
import { permission } from './subscription.js';

const FACTS = ['unsupported', 'insecure', 'ios_home_screen', 'consent_required', 'killed', 'dismissed', 'not_subscribed', 'not_now'];

export const isFault = (reason) => !FACTS.includes(reason);

/** Whether pushes reach this person now: the browser holds an address, the gateway knows it, nobody opted out. */
const isSubscribed = (held, { device, subscription, choice }) => Boolean(
  held === 'granted' && device && subscription && !choice.opted_out,
);

/** `{supported, permission, subscribed, id, topics, reason}`; `blocked` is why push is off here, or null. */
export function snapshot(host, visit, blocked, isSupported) {
  const held = permission(host);
  const subscribed = isSubscribed(held, visit);
  return {
    supported: isSupported,
    permission: held,
    subscribed,
    id: subscribed ? visit.device.id : null,
    topics: subscribed ? [...visit.device.topics] : [],
    reason: blocked || (held === 'denied' ? 'denied' : null),
  };
}
