// What every public call has in common: it never throws, never rejects, and waits for its turn.

/** Listeners of `Steeple.on`. One that throws is reported to the console and does not stop the others. */
export function createEvents(host) {
  const listeners = new Map();
  let readyWith = null;

  const tell = (listener, detail) => {
    try {
      listener(detail);
    } catch (error) {
      complain(host, 'a listener threw', error);
    }
  };

  function emit(event, detail) {
    if (event === 'ready') readyWith = detail;
    (listeners.get(event) || []).forEach((listener) => tell(listener, detail));
  }

  /** Listens to `event`; answers a function that stops it. "ready" is told at once to those who come late. */
  function on(event, listener) {
    if (typeof listener !== 'function') return () => {};
    listeners.set(event, [...(listeners.get(event) || []), listener]);
    if (event === 'ready' && readyWith) tell(listener, readyWith);
    return () => listeners.set(event, (listeners.get(event) || []).filter((one) => one !== listener));
  }

  return { emit, on };
}

/** A line for the developer who builds the page in; silent where even the console is gone. */
export function complain(host, ...words) {
  try {
    host.console.warn('Steeple:', ...words);
  } catch (e) {
    // Some pages replace console; nothing we say is worth an error in the shop's page.
  }
}

/** Runs `work` while no other tab and not the worker changes the stored device. Without Web Locks it just runs. */
export async function exclusively(host, work) {
  const { locks } = host.navigator;
  if (!locks) return work();
  let isStarted = false;
  try {
    return await locks.request('steeple', () => {
      isStarted = true;
      return work();
    });
  } catch (error) {
    if (isStarted) throw error;
    return work(); // locks are refused where storage is
  }
}

/** A queue of one: `inTurn(work)` starts after everything before it has ended, well or badly. */
export function turns(host) {
  let tail = Promise.resolve();
  return (work) => {
    const mine = tail.then(() => exclusively(host, work));
    tail = mine.catch(() => {});
    return mine;
  };
}
