// A recall takes back a message that was sent wrongly: its notification is closed, and a replacement is shown if there is
// one. Without a replacement the push would be silent, and browsers keep count of such pushes.
import { isOf, markOf, nameOf } from './mark.js';
import { isGecko } from './platform.js';

export const QUIET_EVERY_MS = 7 * 24 * 3600 * 1000;

/**
 * Whether a push may show nothing. WebKit: never, three such pushes end the subscription. Elsewhere it is free while a tab
 * of the shop is looked at or another notification of it is on screen. Else Chromium soon shows a line of its own ("This
 * site has been updated in the background"), so ours is better; Firefox lets few pass (16 after a visit, one or two after
 * weeks) and ends the subscription then: one in a week, and no more.
 */
export const mayBeQuiet = ({ isWebKit, isGecko, isFree, last_ms, now_ms }) => !isWebKit
  && (isFree || (isGecko && !(Math.abs(now_ms - last_ms) < QUIET_EVERY_MS)));

const isLookedAt = async ({ clients }) => (await clients.matchAll({ type: 'window', includeUncontrolled: true }))
  .some((tab) => tab.visibilityState === 'visible');

async function passQuietly({ scope, store, isWebKit }, isOtherOpen) {
  const now_ms = Date.now();
  const isFree = isOtherOpen || await isLookedAt(scope);
  const last_ms = await store.get('quiet_at_ms');
  const isQuiet = mayBeQuiet({ isWebKit, isGecko: isGecko(scope.navigator), isFree, last_ms, now_ms });
  if (isQuiet && !isFree) await store.set('quiet_at_ms', now_ms);
  return isQuiet;
}

/** Closes what the push takes back. Answers the push as it is to be shown, or null where nothing need be. */
export async function takeBack(desk, push) {
  const open = await desk.scope.registration.getNotifications();
  const others = open.filter((one) => !isOf(one, push.recalls));
  open.filter((one) => !others.includes(one)).forEach((one) => {
    desk.ended.add(nameOf(markOf(one)));
    one.close();
  });
  if (push.isNeutral && await passQuietly(desk, others.length > 0)) return null;
  // The shop may have shown something newer under the same tag: that is not to be replaced.
  const isTaken = others.some(({ tag }) => tag === push.options.tag);
  return isTaken ? { ...push, options: { ...push.options, tag: push.message } } : push;
}
