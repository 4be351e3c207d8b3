// Who reads: this browser's subscription, or, where push was refused or is not known, a visitor. A visitor has an id and
// a secret as a device does, kept under "visitor", and no address: nothing can be sent to one.
import { turns } from '../calls.js';
import { describe, locale } from '../platform.js';
import { isOk } from '../wire.js';

const isLost = ({ status }) => status === 401 || status === 404; // forgotten after half a year, or with its person

export function createReader({ host, options, store, visit: { call }, api }) {
  const { app } = options;
  const inTurn = turns(host); // two calls, or two tabs, are one visitor
  const path = (noun, { id }) => `/v1/${noun}/${encodeURIComponent(id)}`;

  async function kept() {
    const visitor = await store.get('visitor');
    return visitor && visitor.app === app ? visitor : null;
  }

  async function become() {
    const { language, timezone } = locale(host, options.language);
    const answer = await call('POST', '/v1/visitors', { body: { app, language, timezone, ...describe(host.navigator) } });
    if (!isOk(answer)) return { answer };
    const { id, secret } = answer.body || {};
    if (!id) return { answer: { status: 502, body: null } }; // a page of a proxy in between
    return { visitor: await store.set('visitor', { app, id, secret, user: null }) };
  }

  /** Brings the person at the gateway in line with the last login or logout; a proof that was refused is not tried again. */
  async function settle(visitor) {
    const { external_id: user = null, signature, expires } = (await store.get('identity')) || {};
    if (user === visitor.user || (signature && signature === visitor.refused)) return visitor;
    const { secret } = visitor;
    const to = `${path('visitors', visitor)}/identity`;
    const answer = await (user ? call('POST', to, { body: { external_id: user, signature, expires }, secret }) : call('DELETE', to, { secret }));
    if (isLost(answer)) return null;
    if (isOk(answer)) return store.set('visitor', { ...visitor, user, refused: undefined });
    return answer.status === 403 || answer.status === 422 ? store.set('visitor', { ...visitor, refused: signature }) : visitor;
  }

  /** The visitor that this browser is; one that the gateway has forgotten is made anew, once. */
  async function visitorNow() {
    const known = await kept();
    const settled = known && await settle(known);
    if (settled) return { visitor: settled };
    const made = await become();
    return made.visitor ? { visitor: await settle(made.visitor) || made.visitor } : made;
  }

  /**
   * Who reads now: `{reader: {base, secret, key}}`, or `{answer}`, the gateway's refusal.
   * `key` differs from person to person, so that nobody sees what was kept for somebody else.
   */
  async function reader() {
    const { subscribed } = await api.state();
    const device = subscribed && await store.get('device');
    if (device) return { reader: { base: path('subscriptions', device), secret: device.secret, key: `${device.id} ${device.user}` } };
    const { visitor, answer } = await inTurn(visitorNow);
    return visitor ? { reader: { base: path('visitors', visitor), secret: visitor.secret, key: `${visitor.id} ${visitor.user}` } } : { answer };
  }

  /** Asks for this reader below its own path. A visitor who was forgotten asks once more, as a new one. */
  async function ask(method, part, body) {
    for (let isLast = false; ; isLast = true) {
      const { reader: found, answer: refused } = await reader();
      if (!found) return { answer: refused };
      const answer = await call(method, found.base + part, { body, secret: found.secret });
      if (isLast || !isLost(answer) || !found.base.includes('/visitors/')) return { answer, key: found.key };
      await store.set('visitor', undefined);
    }
  }

  /** Nobody's any more: the gateway forgets the visitor, and so does this browser. */
  async function leave() {
    const visitor = await kept();
    if (visitor) await call('DELETE', path('visitors', visitor), { secret: visitor.secret });
    await store.set('visitor', undefined);
    await store.set('inbox', undefined);
  }

  const keyNow = async () => ((await reader()).reader || {}).key;

  return { ask, keyNow, leave };
}
