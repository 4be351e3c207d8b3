// Where a notification may lead: the shop's own origin and the hosts the operator listed, by http or https.
// Everything else would turn a stolen send key into a phishing link under the shop's name.

const LENGTH_MAX = 2048;
// Browsers strip tabs and newlines and read a backslash as a slash (URL standard, 4.4): a checker that does
// less than they do is fooled, so such letters are refused outright.
const TRICKS = /[\u0000-\u0020\u007f\\]|^\/\//;

const isHostAllowed = (url, origin, hosts) => url.origin === origin || hosts.includes(url.host);

/** The absolute address to open, or null when it must not be opened. `hosts` are lower-case `host[:port]`. */
export function allowedLink(raw, origin, hosts) {
  if (typeof raw !== 'string' || !raw || raw.length > LENGTH_MAX || TRICKS.test(raw)) return null;
  let url;
  try {
    url = new URL(raw, origin);
  } catch (e) {
    return null;
  }
  const isWeb = url.protocol === 'https:' || url.protocol === 'http:';
  if (!isWeb || url.username || url.password) return null;
  return isHostAllowed(url, origin, Array.isArray(hosts) ? hosts : []) ? url.href : null;
}

/** What a click opens: the action's own link, else the message's, else the shop's front page. */
export function clickTarget(links, action, origin, hosts) {
  const wanted = action && links.actions && links.actions[action] ? links.actions[action] : links.navigate;
  return allowedLink(wanted, origin, hosts) || `${origin}/`;
}
