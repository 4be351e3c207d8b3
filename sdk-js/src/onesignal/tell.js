// Tells pages what becomes of notifications, in OneSignal's words (version 16). A page hears by `hear.js`.

/** A notification, shown or about to be, as OneSignal describes one. */
function described({ title, body, icon, image, badge, tag, data, actions }) {
  const { steeple: { m, links }, ...additionalData } = data;
  return {
    notificationId: m,
    title,
    body,
    icon,
    image,
    badgeIcon: badge,
    topic: tag,
    launchURL: links.navigate,
    additionalData,
    actionButtons: (actions || []).map((one) => ({ actionId: one.action, text: one.title, icon: one.icon, launchURL: links.actions[one.action] })),
  };
}

const post = (page, message) => page && page.postMessage && page.postMessage(message);

async function tellDisplay({ scope }, message) {
  const pages = await scope.clients.matchAll({ type: 'window', includeUncontrolled: true });
  pages.filter((one) => one.visibilityState === 'visible').forEach((one) => post(one, message));
}

/** Kept as well: the page that a click opens has no listener yet when it is there. */
async function tellClick({ store }, message, opening) {
  await store.set('clicked', { ...message, at_ms: Date.now() });
  post(await opening, message);
}

/** `tell(desk, name, notification, click)`; a `click` is `{action, address, opening}`. Nothing waits for it, and it fails nothing. */
export async function tell(desk, name, notification, click) {
  try {
    const message = { steeple: name, scope: desk.scope.registration.scope, notification: described(notification) };
    if (!click) return await tellDisplay(desk, message);
    const result = { actionId: click.action || undefined, url: click.address };
    return await tellClick(desk, { ...message, result }, click.opening);
  } catch (e) {
    return undefined; // a notification of a worker before us has no marks, and a page may have gone
  }
}
