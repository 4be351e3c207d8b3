// Waiting for the moment of a prompt: the delay, the scroll, the pointer that leaves the page.
import { isMoment } from './rules.js';

/** How much of the page has been seen, in percent; a page that does not scroll has been seen whole. */
function scrolledPercent({ document, scrollY, innerHeight }) {
  const way = document.documentElement.scrollHeight - innerHeight;
  return way > 0 ? (100 * scrollY) / way : 100;
}

/** Calls `come` once, when the moment of these rules is there and the tab is in front. Answers a function that gives up. */
export function awaitMoment(host, rules, come) {
  const { document } = host;
  const stops = [];
  let isOver = false;
  let isLeaving = false;

  function stop() {
    isOver = true;
    stops.forEach((one) => one());
  }

  function look() {
    const isNow = isMoment(rules, { scrolled_percent: scrolledPercent(host), is_leaving: isLeaving });
    if (isOver || !isNow || document.visibilityState === 'hidden') return;
    stop();
    come();
  }

  function listen(target, name, listener) {
    target.addEventListener(name, listener, { passive: true });
    stops.push(() => target.removeEventListener(name, listener));
  }

  // Out of the window by its upper edge: towards the tabs, the address, the cross.
  function leaving({ relatedTarget, clientY }) {
    isLeaving = !relatedTarget && clientY <= 0;
    look();
  }

  function watch() {
    listen(host, 'scroll', look);
    listen(document, 'visibilitychange', look);
    listen(document, 'mouseout', leaving);
    look();
  }

  const timer = setTimeout(watch, rules.delay_s * 1000);
  stops.push(() => clearTimeout(timer));
  return stop;
}
