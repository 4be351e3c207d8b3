// Whether a prompt's conditions hold, as pure functions: its rules and the facts of this page view in, an answer out.
// What the rules mean to a shop is in docs/reference/sdk.md, "When a prompt is shown".

/** Whether the whole `path` is like `pattern`, in which `*` stands for any letters, also none. Linear in the path. */
export function isLike(path, pattern) {
  const [head, ...rest] = pattern.split('*');
  if (!rest.length) return path === pattern;
  const tail = rest.pop();
  if (!path.startsWith(head) || path.length < head.length + tail.length || !path.endsWith(tail)) return false;
  const end = path.length - tail.length;
  let from = head.length;
  for (const part of rest) {
    const at = path.indexOf(part, from);
    if (at < 0 || at + part.length > end) return false;
    from = at + part.length;
  }
  return true;
}

const isAmong = (path, patterns) => patterns.some((pattern) => isLike(path, pattern));

/** Whether the page's address is one that the prompt is for. Exclusion wins; no inclusion means every page. */
export const isForPage = ({ include, exclude }, path) => (
  (!include.length || isAmong(path, include)) && !isAmong(path, exclude)
);

/**
 * Whether all conditions hold that do not depend on what the visitor does next on this page.
 * @param {object} rules of a prompt, as in the settings
 * @param {{path: string, page_views: number, has_ordered: boolean, cart_value: ?number}} facts
 */
export function isStanding(rules, { path, page_views: views, has_ordered: hasOrdered, cart_value: cart }) {
  const over = rules.cart_value_over;
  return isForPage(rules, path)
    && views >= rules.page_views
    && (hasOrdered || !rules.after_order)
    && (over === null || (typeof cart === 'number' && cart > over));
}

/** Whether the moment has come, once the delay is over: at once, or when the visitor has scrolled so far or is leaving. */
export function isMoment({ scroll_percent: wanted, exit_intent: exit }, { scrolled_percent: scrolled, is_leaving: isLeaving }) {
  if (wanted === null && !exit) return true;
  return (wanted !== null && scrolled >= wanted) || (exit && isLeaving);
}
