// The last messages this browser showed, so that a push service's second delivery does not become a second banner.

export const SEEN_MAX = 300;

/** The list with `id` noted as the newest. */
export const noteSeen = (list, id) => [...(list || []).filter((one) => one !== id), id].slice(-SEEN_MAX);

/**
 * What to do with a push: "show" it, "refresh" the open notification in place, or "skip" it because the person
 * closed it already. WebKit never skips: three pushes without a notification end the subscription.
 */
export function judge({ isSeen, isOpen, isWebKit }) {
  if (!isSeen) return 'show';
  if (isOpen) return 'refresh';
  return isWebKit ? 'show' : 'skip';
}
