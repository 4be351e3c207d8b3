// From the bytes of a push to what showNotification takes. The shape is Declarative Web Push
// (`{"web_push": 8030, "notification": {...}}`, WebKit's and the Push API's draft) with our ids under data.steeple.
// Whatever does not fit is dropped field by field: a half-wrong push is still shown, never swallowed.

const SPREAD_MAX_S = 20; // browsers end a worker that takes much longer

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
    const parsed = JSON.parse(raw);
    return isObject(parsed) && isObject(parsed.notification) ? parsed.notification : {};
  } catch (e) {
    return {};
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
  };
}

/** A count for the app's icon; a number or a numeric text, as senders differ. Null: leave the icon alone. */
function badgeCount(value) {
  const count = typeof value === 'string' && value ? Number(value) : value;
  return Number.isInteger(count) && count >= 0 ? count : null;
}

/**
 * @param {string|null} raw the push's text; null when it had none
 * @param {{title: string, actionsMax: number}} limits the neutral title to fall back to, and how many buttons fit
 * @returns {{title, options, message, token, spread_s, badge}} `options` go to showNotification as they are
 */
export function readPush(raw, { title, actionsMax }) {
  const source = read(raw);
  const data = isObject(source.data) ? source.data : {};
  const { message, token, spread_s } = marks(data);
  const options = pick(source);
  const shown = buttons(source, actionsMax);
  if (shown.length) options.actions = shown.map((one) => ({ action: one.action, title: one.title, icon: picture(one.icon) }));
  options.tag = options.tag || message || undefined;
  if (!options.tag) delete options.renotify; // Notifications API: renotify without a tag is a TypeError
  const links = { navigate: source.navigate, actions: Object.fromEntries(shown.map((one) => [one.action, one.navigate])) };
  options.data = { ...data, steeple: { m: message, t: token, links } };
  return { title: text(500)(source.title) || title, options, message, token, spread_s, badge: badgeCount(source.app_badge) };
}
