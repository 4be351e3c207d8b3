// From the bytes of a push to what showNotification takes. The shape is Declarative Web Push
// (`{"web_push": 8030, "notification": {...}}`, WebKit's and the Push API's draft) with our ids under data.steeple.
// Whatever does not fit is dropped field by field: a half-wrong push is still shown, never swallowed.

const SPREAD_MAX_S = 25; // browsers end an idle worker: Firefox after 30 seconds

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const text = (max) => (value) => (typeof value === 'string' && value ? value.slice(0, max) : undefined);
const flag = (value) => (typeof value === 'boolean' ? value : undefined);

function picture(value) {
  return typeof value === 'string' && /^(https?:\/\/|\/(?!\/))/i.test(value) ? value : undefined;
}

// `navigate` is left out on purpose: browsers that know it (Firefox 158) would open it without asking our click
// handler, and with it the list of allowed hosts.
const FIELDS = {
  body: text(2000),
  icon: picture,
  image: picture,
  badge: picture,
  lang: text(35),
  dir: (value) => (['auto', 'ltr', 'rtl'].includes(value) ? value : undefined),
  silent: flag,
  tag: text(200),
  requireInteraction: flag,
  renotify: flag,
  timestamp: (value) => (Number.isFinite(value) ? value : undefined),
};

function read(raw) {
  try {
    return JSON.parse(raw).notification;
  } catch (e) {
    return null;
  }
}

function pick(source) {
  const options = {};
  for (const [name, valid] of Object.entries(FIELDS)) {
    const value = valid(source[name]);
    if (value !== undefined) options[name] = value;
  }
  return options;
}

function buttons(source, max) {
  const list = Array.isArray(source.actions) ? source.actions : [];
  return list.filter((one) => isObject(one) && text(100)(one.action) && text(100)(one.title)).slice(0, max);
}

function marks(data) {
  const own = isObject(data.steeple) ? data.steeple : {};
  const delay_s = Number(own.d);
  return {
    message: text(64)(own.m) || null,
    token: text(1024)(own.t) || null,
    spread_s: delay_s > 0 ? Math.min(delay_s, SPREAD_MAX_S) : 0,
    recalls: text(64)(own.r) || null,
    isNeutral: Boolean(own.q),
  };
}

/** A count for the app's icon; a number or a numeric text, as senders differ. Null: leave the icon alone. */
function badgeCount(value) {
  const count = typeof value === 'string' && value ? Number(value) : value;
  return Number.isInteger(count) && count >= 0 ? count : null;
}

/**
 * @param {string|null} raw the push's text; null when it had none
 * @param {{title: string, actionsMax: number, proposed?: object}} limits the neutral title to fall back to, how many
 *   buttons fit, and the notification that the browser made of a declarative push by itself (WebKit hands over no text)
 * @returns {{title, options, message, token, spread_s, recalls, isNeutral, badge}} `options` go to showNotification as
 *   they are; `recalls` is the message that is taken back, `isNeutral`: with nothing to say in its place
 */
export function readPush(raw, { title, actionsMax, proposed }) {
  const source = [read(raw), proposed].find(isObject) || {};
  const data = isObject(source.data) ? source.data : {};
  const own = marks(data);
  const { message, token } = own;
  const options = pick(source);
  const shown = buttons(source, actionsMax);
  if (shown.length) options.actions = shown.map((one) => ({ action: one.action, title: one.title, icon: picture(one.icon) }));
  options.tag = options.tag || message || undefined;
  if (!options.tag) delete options.renotify; // Notifications API: renotify without a tag is a TypeError
  const links = { navigate: source.navigate, actions: Object.fromEntries(shown.map((one) => [one.action, one.navigate])) };
  options.data = { ...data, steeple: { m: message, t: token, links } };
  return { ...own, title: text(500)(source.title) || title, options, badge: badgeCount(source.app_badge) };
}
