// What is remembered of a visitor so that nobody is asked too often, as pure functions of that memory and a moment.
// It stands under "prompts" in the store: {seed, views, shown, noes, quiet_from_ms, quiet_ms, refused, ordered_at_ms}.

export const DAY_MS = 24 * 3600 * 1000;
export const UNANSWERED_MAX = 3; // seen so often and never answered: that is an answer
export const VISIT_MS = 30 * 60 * 1000; // an order counts for "after the order" this long
const VIEWS_MAX = 1000000;

/** Nobody known yet. `dice` is a number from 0 to 1: the seed that makes the choice of variants this visitor's own. */
export const stranger = (dice) => ({ seed: String(dice).slice(2, 18) || '0', views: 0, shown: 0, noes: 0 });

export const seen = (memory) => ({ ...memory, views: Math.min(memory.views + 1, VIEWS_MAX) });

/** After a no: quiet for as many days as the list says for the first, the second ... one; the last repeats. */
export function declined(memory, days, now_ms) {
  const span = days[Math.min(memory.noes, days.length - 1)];
  return { ...memory, shown: 0, noes: memory.noes + 1, quiet_from_ms: now_ms, quiet_ms: span * DAY_MS };
}

/** After a prompt came up by itself. One that is left unanswered often enough counts as a no. */
export function shown(memory, days, now_ms) {
  const count = memory.shown + 1;
  return count < UNANSWERED_MAX ? { ...memory, shown: count } : declined(memory, days, now_ms);
}

/** After the browser's own no, which is for ever: the browser would not ask again, and neither do we. */
export const refused = (memory) => ({ ...memory, refused: true });

export const ordered = (memory, now_ms) => ({ ...memory, ordered_at_ms: now_ms });

/** After a clock that was ahead is set back: what was noted in the future counts from now, and not for years. */
export function mended(memory, now_ms) {
  const { quiet_from_ms: from = 0, ordered_at_ms: at } = memory;
  const order = at > now_ms ? { ordered_at_ms: now_ms } : {};
  return { ...memory, ...order, quiet_from_ms: Math.min(from, now_ms) };
}

export const isQuiet = ({ quiet_from_ms: from, quiet_ms: span }, now_ms) => Boolean(span) && now_ms - from < span;

export const hasOrdered = ({ ordered_at_ms: at }, now_ms) => at !== undefined && now_ms - at < VISIT_MS;

/**
 * Whether a prompt may come up by itself at all.
 * @param {object} memory mended
 * @param {{permission: string, subscribed: boolean, opted_out: boolean, is_kept: boolean}} facts; `is_kept`: the browser
 *   keeps what we remember. Where it does not, a no would be forgotten by the next page: nobody is asked unbidden.
 */
export function mayAsk(memory, { permission, subscribed, opted_out: optedOut, is_kept: isKept }, now_ms) {
  return permission === 'default' && !subscribed && !optedOut && isKept && !memory.refused && !isQuiet(memory, now_ms);
}
