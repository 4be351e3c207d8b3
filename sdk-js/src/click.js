// A click, and a dismissal. Only notifications that carry our mark are ours.
import { keptConfig } from './config.js';
import { clickTarget } from './links.js';
import { markOf, nameOf } from './mark.js';
import { within } from './time.js';

const OPENING_LIMIT_MS = 5000;

async function allowedHosts({ settings, store }) {
  const who = await settings();
  const config = who && await keptConfig(store, who.gateway, who.app);
  return config ? config.links : [];
}

/** Brings the tab with exactly this address to the front, else opens one; a tab on another page is never taken over. */
async function goTo({ clients }, address) {
  const tabs = await clients.matchAll({ type: 'window', includeUncontrolled: true });
  const tab = tabs.find((one) => one.url === address);
  try {
    if (tab) return await tab.focus();
  } catch (e) {
    // The tab went away, or may not be focused: open a new one.
  }
  return clients.openWindow(address);
}

export async function onClick(desk, event) {
  const { notification, action } = event;
  const mark = markOf(notification);
  if (!mark) return;
  if (nameOf(mark)) desk.ended.add(nameOf(mark));
  notification.close();
  const { origin } = desk.scope.location;
  const address = clickTarget(mark.links || {}, action, origin, await allowedHosts(desk));
  const opening = goTo(desk.scope, address).catch(() => {});
  desk.tell(desk, 'click', notification, { action, address, opening });
  await desk.note('clicked', mark.t, action); // at once: a window that is refused, or never answers, was clicked for all the same
  await within(OPENING_LIMIT_MS, opening).catch(() => {});
  await desk.hurry(); // over the network, which the shop's page has first
}

// Firefox also tells a close when a newer notification takes the place of one with its tag.
async function isReplaced({ scope }, { tag }) {
  return Boolean(tag) && (await scope.registration.getNotifications({ tag })).length > 0;
}

export async function onClose(desk, event) {
  const mark = markOf(event.notification);
  // Firefox sends a close event after our own close(), of a click or a recall: nobody dismissed that.
  if (!mark || desk.ended.delete(nameOf(mark))) return;
  if (await isReplaced(desk, event.notification)) return;
  await desk.note('closed', mark.t);
  await desk.hurry();
}
