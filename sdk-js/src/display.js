// A push arrives: one visible notification, always, before anything is fetched.
import { isOf } from './mark.js';
import { readPush } from './payload.js';
import { takeBack } from './recall.js';
import { judge, noteSeen } from './seen.js';

function textOf(data) {
  try {
    return data ? data.text() : null;
  } catch (e) {
    return null;
  }
}

async function understand({ scope, store, translate }, event) {
  const { site } = (await store.get('settings')) || {};
  const { maxActions } = scope.Notification || {};
  const limits = { title: site || scope.location.host, actionsMax: maxActions || 0, proposed: event.notification };
  return readPush(translate(textOf(event.data)), limits);
}

async function isOpen({ scope }, push) {
  const open = await scope.registration.getNotifications({ tag: push.options.tag });
  return open.some((one) => isOf(one, push.message));
}

async function verdictOn(desk, push) {
  const seen = push.message ? (await desk.store.get('seen')) || [] : [];
  const isSeen = seen.includes(push.message);
  return judge({ isSeen, isOpen: isSeen && await isOpen(desk, push), isWebKit: desk.isWebKit });
}

async function show({ scope }, { title, options }) {
  try {
    await scope.registration.showNotification(title, options);
  } catch (e) {
    // A browser that chokes on an option still gets the words on screen.
    const { body, tag, data } = options;
    await scope.registration.showNotification(title, { body, tag, data });
  }
}

async function setBadge({ scope }, count) {
  const { navigator } = scope;
  if (count !== null && navigator.setAppBadge) await navigator.setAppBadge(count);
}

async function callHome(desk) {
  await desk.hurry();
  await desk.obeyKillSwitch({ mayAsk: true });
}

/** After the notification is on screen: the icon's count, the receipt, and the kill switch. Nothing here may fail it. */
async function afterwards(desk, push) {
  await setBadge(desk, push.badge).catch(() => {});
  // Apple ends a push that takes long and counts it as silent: nothing is fetched there.
  if (desk.isWebKit) return desk.obeyKillSwitch({ mayAsk: false });
  await desk.note('shown', push.token);
  if (!push.spread_s) return callHome(desk);
  // Not awaited: Chromium holds the next push back until this one's event is over. A worker that is ended before its
  // moment loses nothing: what is kept goes with the next event, or with a visit.
  return void setTimeout(() => callHome(desk).catch(() => {}), Math.random() * push.spread_s * 1000);
}

// A recalled message counts as seen as well: one that a push service delivers late is not shown any more.
const noteAll = (list, { message, recalls }) => noteSeen(recalls ? noteSeen(list, recalls) : list, message);

export async function onPush(desk, event) {
  const arrived = await understand(desk, event);
  const verdict = await verdictOn(desk, arrived).catch(() => 'show');
  if (verdict === 'skip') return;
  const push = arrived.recalls ? await takeBack(desk, arrived).catch(() => arrived) : arrived;
  if (push) {
    if (verdict === 'show') desk.tell(desk, 'display', { title: push.title, ...push.options });
    const options = verdict === 'refresh' ? { ...push.options, silent: true, renotify: false } : push.options;
    await show(desk, { title: push.title, options });
  }
  // Noted only now: a worker killed before the banner must not make the second delivery look like a double.
  if (arrived.message) await desk.store.update('seen', (list) => noteAll(list, arrived));
  if (push && verdict === 'show') await afterwards(desk, push).catch(() => {});
}
