// Messages as the room hands them on: what the gateway said, with links that lead where they may and nowhere else.
import { allowedLink } from '../links.js';

const text = (value) => (typeof value === 'string' ? value : '');

/** A message of the gateway's as pages get it. A link or picture of a foreign host becomes "". */
export function entryOf(raw, origin, hosts) {
  const safe = (url) => allowedLink(url, origin, hosts) || '';
  return {
    id: text(raw.id),
    title: text(raw.title),
    body: text(raw.body),
    url: safe(raw.url),
    icon: safe(raw.icon),
    image: safe(raw.image),
    actions: (raw.actions || []).map(({ id, title, url }) => ({ id: text(id), title: text(title), url: safe(url) })),
    data: raw.data || {},
    category: text(raw.category),
    at: text(raw.at),
    until: raw.until || null,
    read: Boolean(raw.read),
    banner: Boolean(raw.banner),
  };
}

/** A page of the gateway's: `{items, unread, next, poll_s}`. */
export function pageOf({ data, unread, next, poll, link_hosts: hosts }, origin) {
  return { items: data.map((raw) => entryOf(raw, origin, hosts)), unread, next, poll_s: poll };
}

const isOver = ({ until }, now_ms) => Boolean(until) && Date.parse(until) <= now_ms;

/** What is still there of what was kept. */
export const withoutOver = (page, now_ms) => {
  const items = page.items.filter((one) => !isOver(one, now_ms));
  const lost = page.items.filter((one) => isOver(one, now_ms) && !one.read).length;
  return { ...page, items, unread: page.unread - lost };
};

/** The page with these marked as read; `ids` null: all. */
export function withRead(page, ids) {
  const isNews = (one) => !one.read && (!ids || ids.includes(one.id));
  const count = page.items.filter(isNews).length;
  return {
    ...page,
    items: page.items.map((one) => (isNews(one) ? { ...one, read: true } : one)),
    unread: ids ? Math.max(0, page.unread - count) : 0,
  };
}

/** The message to show as a banner: the newest that wants to be one, is unread, and was not put away on this page (ids). */
export const bannerOf = ({ items }, putAway) => items.find((one) => one.banner && !one.read && !putAway.includes(one.id)) || null;
