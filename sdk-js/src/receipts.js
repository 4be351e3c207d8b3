// Receipts that outlive a lost connection: kept in the store, sent in batches with the next event.
import { isOk } from './wire.js';

export const QUEUE_MAX = 100;
export const AGE_MAX_MS = 30 * 24 * 3600 * 1000; // the gateway's receipt tokens last as long
export const BATCH_MAX = 20; // what POST /v1/receipts takes at once

const sameAs = (one) => (other) => one.token === other.token && one.kind === other.kind;

/** The queue with one more receipt: no doubles, none too old, the newest QUEUE_MAX. */
export function enqueue(queue, receipt, now_ms) {
  const kept = (queue || []).filter((old) => now_ms - Date.parse(old.at) < AGE_MAX_MS && !sameAs(receipt)(old));
  return [...kept, receipt].slice(-QUEUE_MAX);
}

/** The queue without those that were settled meanwhile; others may have been added in between. */
export const without = (queue, settled) => (queue || []).filter((receipt) => !settled.some(sameAs(receipt)));

/** An answer after which asking again is pointless: taken, or refused for good. */
export const isSettled = ({ status }) => isOk({ status })
  || (status >= 400 && status < 500 && status !== 408 && status !== 429);

/** Sends what is queued until the queue is empty or the gateway does not take more. */
export async function flush(store, call) {
  for (let round = 0; round < QUEUE_MAX / BATCH_MAX; round += 1) {
    const batch = ((await store.get('receipts')) || []).slice(0, BATCH_MAX);
    if (!batch.length) return;
    const answer = await call('POST', '/v1/receipts', { body: { receipts: batch }, keepalive: true });
    if (!isSettled(answer)) return;
    await store.update('receipts', (queue) => without(queue, batch));
  }
}

/** Keeps one receipt until it is sent. */
export const keep = (store, receipt) => store.update('receipts', (queue) => enqueue(queue, receipt, Date.now()));
