// OneSignal's tags: a page sets, removes and reads them whether or not the visitor is subscribed. What is not at the
// gateway yet waits in our store, for the subscription.
export const KEPT = 'onesignal'; // {coming, tags, unsent, decided, views} in our store

const TAGS_MAX = 100; // as many as a device may have at the gateway

const without = (tags, gone) => Object.fromEntries(Object.entries(tags || {}).filter(([name]) => !gone(name)));
const firstOf = (tags) => Object.fromEntries(Object.entries(tags).slice(0, TAGS_MAX));

/** The record after a change; null takes a tag off. */
export function merged(kept, change) {
  const { tags, unsent } = kept || {};
  const all = { ...tags, ...change };
  return { ...kept, tags: firstOf(without(all, (name) => all[name] === null)), unsent: firstOf({ ...unsent, ...change }) };
}

/** @param {object} store ours; `send(tags)` answers as `Steeple.tags.set` does */
export function createTags({ store, send }) {
  const read = async () => (await store.get(KEPT)) || {};

  let tail = Promise.resolve();

  async function deliverNow() {
    const { unsent } = await read();
    const done = unsent && Object.keys(unsent).length ? await send(firstOf(unsent)) : { ok: true };
    if (!done.ok) return;
    await store.update(KEPT, (kept) => kept && {
      ...kept, coming: false, unsent: without(kept.unsent, (name) => name in (unsent || {}) && kept.unsent[name] === unsent[name]),
    });
  }

  /** Tells the gateway what it has not heard, once: what changes meanwhile stays for the next time. */
  function deliver() {
    tail = tail.then(deliverNow, deliverNow);
    return tail;
  }

  async function change(tags, isSubscribed) {
    await store.update(KEPT, (kept) => merged(kept, tags));
    if (isSubscribed()) await deliver();
  }

  return { change, deliver, list: async () => (await read()).tags || {} };
}
