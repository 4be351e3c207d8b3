// The last messages this browser showed, so that a push service's second delivery does not become a second banner.

export const SEEN_MAX = 300;

/** The list with `id` noted as the newest. */
export const noteSeen = (list, id) => [...(list || []).filter((one) => one !== id), id].slice(-SEEN_MAX);

/**
 * What to do with a push: "show" it; "skip" a second delivery; on WebKit "refresh" the notification in place if it is
 * open. WebKit never skips: three pushes without a notification end the subscription. Elsewhere an open notification
 * of ours counts as shown, and Firefox would put a refreshed one on the desktop as a second banner.
 */
export function judge({ isSeen, isOpen, isWebKit }) {
  if (!isSeen) return 'show';
  if (!isWebKit) return 'skip';
  return isOpen ? 'refresh' : 'show';
}
