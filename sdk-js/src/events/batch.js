// Which of the tracked events go out together, and what becomes of them; nothing here asks or stores anything.
// In the queue an event is [id, time in ms, whose, name, properties as JSON], as the page script keeps it.

const AGE_MAX_MS = 30 * 24 * 3600 * 1000;
const BATCH_MAX = 20; // what POST /v1/events takes of a device at once
const BATCH_BYTES_MAX = 40000; // requests that may outlive their page hold 64 kB together (Fetch standard)
const PURCHASE = 'purchase';

const idOf = ([id]) => id;
// Half an emoji, as slice() leaves it, is written as an escape that no UTF-8 has: the gateway could not read the request.
const HALVES = /\\(\\|ud[89a-f]..)/g;
const whole = (all, escaped) => (escaped === '\\' ? all : '\ufffd');
const jsonOf = ([, , , , json]) => (json || '{}').replace(HALVES, whole); // of a function, say, there is none

/** The queue without what is too old, and without what somebody did who is not logged in here any more. */
export function stillWanted(queue, user, now_ms) {
  return (queue || []).filter(([, at_ms, whose]) => now_ms - at_ms < AGE_MAX_MS && (!whose || whose === user));
}

const bytesOf = (events) => new TextEncoder().encode(events.map(jsonOf).join()).length;

/** Whether a request with these may outlive its page: browsers refuse a larger one unsent. */
export const mayOutlive = (events) => bytesOf(events) <= BATCH_BYTES_MAX;

/** The first events of the queue, as many as one request may hold and no more than `most`; at least one. */
export function nextBatch(queue, most = BATCH_MAX) {
  const batch = queue.slice(0, Math.min(most, BATCH_MAX));
  while (batch.length > 1 && !mayOutlive(batch)) batch.pop();
  return batch;
}

/** An event as the gateway reads it. A purchase is known by its transaction: the shop's server may tell it as well. */
function asTold(event) {
  const [id, at_ms, , name] = event;
  const properties = JSON.parse(jsonOf(event));
  const { transaction_id: transaction } = properties;
  const isKnown = name === PURCHASE && typeof transaction === 'string' && transaction;
  return { ...(isKnown ? {} : { id: String(id) }), name, at: new Date(at_ms).toISOString(), properties };
}

export const bodyOf = (device, batch) => ({ 'subscription': device.id, secret: device.secret, events: batch.map(asTold) });

export const without = (queue, ids) => (queue || []).filter((event) => !ids.includes(idOf(event)));

/**
 * What to do after the gateway's answer: `gone` need not be sent again, `bad` is the one that was refused, `most` may go
 * together from now on. A refusal names the field at fault, such as `events[3].properties.value`: the others are tried
 * again without it. One of a request that is too large or cannot be read names none: then they go one by one.
 */
export function verdictOn({ status, body }, batch) {
  const ids = batch.map(idOf);
  if (status >= 200 && status < 300) return { gone: ids, bad: null, mayGoOn: true };
  if (status === 400 || status === 413) {
    const alone = ids.length === 1 ? ids : [];
    return { gone: alone, bad: alone[0] || null, mayGoOn: true, most: 1 };
  }
  if (status !== 422) return { gone: [], bad: null, mayGoOn: false };
  const { param } = (body && body.error) || {};
  const place = /^events\[(\d+)\]/.exec(param || '');
  const bad = place && ids[Number(place[1])];
  return bad ? { gone: [bad], bad, mayGoOn: true } : { gone: ids, bad: ids[0], mayGoOn: false };
}
