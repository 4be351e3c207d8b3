// How long an open page waits before it asks again, as a pure function: soon after news, ever longer while nothing comes.

const LONGEST_MS = 600 * 1000;
const LONGEST_AFTER_FAULT_MS = 1800 * 1000;
const SPREAD = 0.15; // pages that were opened together do not ask together

/**
 * @param {{waited_ms: number, poll_s: number, isOk: boolean, isNews: boolean, draw: number}} known `draw` is 0..1
 * @returns {number} milliseconds
 */
export function nextWait({ waited_ms: waited, poll_s: poll, isOk, isNews, draw }) {
  const base = Math.max(poll || 60, 15) * 1000;
  const longer = isOk ? Math.min(waited * 1.5, LONGEST_MS) : Math.min(waited * 2, LONGEST_AFTER_FAULT_MS);
  const wait = isOk && isNews ? base : Math.max(base, longer);
  return wait * (1 - SPREAD + 2 * SPREAD * draw);
}
