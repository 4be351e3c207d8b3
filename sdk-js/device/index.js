// The device API for apps in JavaScript (Capacitor, React Native): a phone's device at the gateway, without a browser.
// Every call answers `{ok, reason, code, param, message, id}` and none rejects, as in the page script.

const LIMIT_MS = 15000;
const RECEIPTS_MAX = 20; // of one request
const LOST = [401, 404, 409]; // the gateway does not know this id or secret, or has the address under another id

const OK = { ok: true, reason: null, code: null, param: null, message: null };

const isOk = ({ status }) => status >= 200 && status < 300;

function reasonOf(status) {
  if (status === 0) return 'offline';
  return status === 429 || status >= 500 ? 'busy' : 'refused';
}

function refusal({ status, body }) {
  const { code = null, param = null, message = null } = (body && body.error) || {};
  return { ok: false, reason: reasonOf(status), code, param, message };
}

const notRegistered = { ok: false, reason: 'not_registered', code: null, param: null, message: 'register first' };

/** `call(method, path, {bearer, body})` -> `{status, body}`; status 0 where nothing answered in time. */
function callsTo(gateway, fetch) {
  const base = gateway.replace(/\/+$/, '');
  return async (method, path, { bearer, body } = {}) => {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), LIMIT_MS);
    try {
      const headers = { ...(bearer && { Authorization: `Bearer ${bearer}` }), ...(body && { 'Content-Type': 'application/json' }) };
      const answer = await fetch(base + path, { method, headers, body: body && JSON.stringify(body), signal: abort.signal });
      return { status: answer.status, body: await answer.json().catch(() => null) };
    } catch (e) {
      return { status: 0, body: null };
    } finally {
      clearTimeout(timer);
    }
  };
}

/**
 * This device at the gateway.
 * @param {object} given gateway: its address; key: a publishable key, `stpl_pk_...`; store: `{get(), set(value)}` where the
 *   app keeps `{id, secret}` between starts, best where other apps cannot read; fetch: another one than the global
 */
export function createDevice({ gateway, key, store, fetch = globalThis.fetch }) {
  if (!/^stpl_pk_/.test(key)) throw new Error('an app holds a publishable key (stpl_pk_...) only');
  const call = callsTo(gateway, (...args) => fetch(...args));
  let tail = Promise.resolve();

  /** One call after another: a registration gives a new secret, which the next call must know. Never rejects. */
  function inTurn(work) {
    const mine = tail.then(async () => {
      try {
        const done = await work(await store.get());
        return { ...OK, ...done, id: ((await store.get()) || {}).id || null };
      } catch (error) {
        return { ...OK, ok: false, reason: 'internal', message: String(error), id: null };
      }
    });
    tail = mine;
    return mine;
  }

  const known = (work) => inTurn((held) => (held ? work(held) : notRegistered));

  async function told(held, method, part, body) {
    const answer = await call(method, `/v1/subscriptions/${held.id}${part}`, { bearer: held.secret, body });
    return isOk(answer) ? OK : refusal(answer);
  }

  async function enrol(registration) {
    const answer = await call('POST', '/v1/subscriptions', { bearer: key, body: registration });
    if (!isOk(answer) || !answer.body) return refusal(answer);
    await store.set({ id: answer.body.id, secret: answer.body.secret });
    return OK;
  }

  async function registerNow(held, { channel, ...fields }) {
    if (!held) return enrol({ channel, ...fields });
    const answer = await call('PATCH', `/v1/subscriptions/${held.id}`, { bearer: held.secret, body: fields });
    if (isOk(answer)) return OK;
    return LOST.includes(answer.status) ? enrol({ channel, ...fields }) : refusal(answer);
  }

  async function leaveNow(held) {
    const answer = await call('DELETE', `/v1/subscriptions/${held.id}`, { bearer: held.secret });
    if (!isOk(answer) && !LOST.includes(answer.status)) return refusal(answer);
    await store.set(null);
    return OK;
  }

  async function track(held, event) {
    const answer = await call('POST', '/v1/events', { bearer: held.secret, body: { subscription: held.id, events: [event] } });
    return isOk(answer) ? OK : refusal(answer);
  }

  async function reportNow(kind, tokens) {
    for (let from = 0; from < tokens.length; from += RECEIPTS_MAX) {
      const receipts = tokens.slice(from, from + RECEIPTS_MAX).map((token) => ({ token, kind }));
      const answer = await call('POST', '/v1/receipts', { body: { receipts } });
      if (!isOk(answer)) return refusal(answer);
    }
    return OK;
  }

  return {
    /** At each start, and for each new token: `{channel: "apns" | "fcm", token, ...}`. Keeps the id where it can. */
    register: (registration) => inTurn((held) => registerNow(held, registration)),
    setTopics: (slugs) => known((held) => told(held, 'PATCH', '', { topics: slugs })),
    /** null takes a tag off. */
    setTags: (tags) => known((held) => told(held, 'PATCH', '', { tags })),
    /** The shop's server signs. */
    login: (externalId, { signature, expires }) => known(
      (held) => told(held, 'POST', '/identity', { external_id: externalId, signature, expires }),
    ),
    logout: () => known((held) => told(held, 'DELETE', '/identity')),
    /** What became of messages: "shown", "clicked" or "closed", by their tokens (`tokenOf`). */
    report: (kind, tokens) => inTurn(() => reportNow(kind, tokens)),
    /** What happened. Told twice under one `id` it counts once, so a call that failed may be repeated. */
    track: (id, name, properties = {}) => known((held) => track(held, { id, name, properties })),
    leave: () => known(leaveNow),
    /** The id at the gateway, or null. */
    id: async () => ((await store.get()) || {}).id || null,
  };
}

/** The receipt token in the data of a push: an object from Apple, JSON text from Firebase. Null without one. */
export function tokenOf(data) {
  try {
    const marks = data && data.steeple;
    const { t } = typeof marks === 'string' ? JSON.parse(marks) : marks;
    return typeof t === 'string' ? t : null;
  } catch (e) {
    return null;
  }
}
