// This browser as the gateway knows it: enrol, change, identify, leave. Shared by page and worker.
// The gateway's id and secret stand under "device" in the store; whoever changes them writes them here only.
import { isPast } from './decide.js';
import { failure, isOk, OK } from './wire.js';

// 401 and 404: the gateway no longer knows this id or secret. 409: the address is on record under another id.
const isLost = ({ status }) => status === 401 || status === 404 || status === 409;

const DAY_MS = 24 * 3600 * 1000;

const path = (device) => `/v1/subscriptions/${device.id}`;

/**
 * @param {object} deps store, call; app: the app's id; here(): {language, timezone, os}; keyId(): VAPID key's id
 */
export function deviceAt({ store, call, app, here, keyId }) {
  const read = async () => {
    const device = await store.get('device');
    return device && device.app === app ? device : null;
  };
  const write = (device) => store.set('device', device || undefined);

  const address = ({ endpoint, keys }) => ({ endpoint, keys, vapid_key_id: keyId() || undefined });

  async function identify(device, identity) {
    const answer = await call(identity ? 'POST' : 'DELETE', `${path(device)}/identity`, { body: identity, secret: device.secret });
    if (isOk(answer)) await write({ ...device, user: identity ? identity.external_id : null });
    return answer;
  }

  /**
   * Brings the person known at the gateway in line with the last login or logout; no request when they agree, nor for a
   * day after this very login was refused: pages say it again on every view.
   * With a `subscription` given, a browser the gateway has forgotten is enrolled afresh, which settles it too.
   */
  async function settleIdentity(device, subscription) {
    const identity = await store.get('identity');
    if (((identity && identity.external_id) || null) === (device.user || null)) return OK;
    const proof = JSON.stringify(identity);
    const refused = (await store.get('refused')) || {};
    if (proof && refused.proof === proof && !isPast(refused.at_ms, DAY_MS, Date.now())) return refused.told;
    const answer = await identify(device, identity);
    if (isOk(answer)) return OK;
    if (answer.status === 403) await store.set('refused', { proof, at_ms: Date.now(), told: failure(answer) });
    // Only 404: a 401 may as well speak of the shop's signature.
    if (answer.status !== 404 || !subscription) return failure(answer);
    await write(null);
    return enrol(subscription);
  }

  /**
   * Keeps the device and, as the person's choice, what the gateway answers: a topic that was taken away elsewhere, by the
   * link of a message, must not come back when this browser enrols afresh, nor must who left by it.
   */
  async function hold(device, { body }) {
    const { topics, state } = body || {};
    const held = { ...device, topics: Array.isArray(topics) ? topics : device.topics || [], seen_at_ms: Date.now() };
    await write(held);
    await store.update('choice', (choice) => ({ ...choice, topics: held.topics, opted_out: state === 'left' }));
    return held;
  }

  /**
   * Registers the browser's subscription afresh, with what the person chose. `asked`: they have just agreed, to the
   * `topics` in it or, without, to what they follow already.
   */
  async function enrol(subscription, asked) {
    const choice = (await store.get('choice')) || {};
    const { topics } = asked || choice;
    const at = here();
    const body = { app, channel: 'webpush', ...address(subscription), ...at, topics, consent: choice.consent, again: !asked };
    const answer = await call('POST', '/v1/subscriptions', { body });
    const { id, secret } = answer.body || {};
    if (!isOk(answer) || !id) {
      const refusal = failure(answer);
      // Somebody left elsewhere, by the link of a message or in the shop's own settings: no visit may bring them back.
      if (refusal.code === 'consent_withdrawn') await store.update('choice', (before) => ({ ...before, opted_out: true }));
      return refusal;
    }
    const device = {
      app, id, secret, endpoint: subscription.endpoint, vapid_key_id: keyId(), language: at.language, timezone: at.timezone,
      topics, user: null,
    };
    await settleIdentity(await hold(device, answer));
    return OK;
  }

  async function patch(device, fields) {
    const answer = await call('PATCH', path(device), { body: fields, secret: device.secret });
    if (isOk(answer)) {
      const { keys, tags, ...kept } = fields; // the browser holds the keys, the gateway the tags
      await hold({ ...device, ...kept }, answer);
    }
    return answer;
  }

  /** Changes `fields` at the gateway; a browser it has forgotten is enrolled afresh and changed then, once. */
  async function amend(device, fields, subscription) {
    const answer = await patch(device, fields);
    if (isOk(answer)) return OK;
    if (!isLost(answer)) return failure(answer);
    await write(null);
    const enrolled = await enrol(subscription);
    if (!enrolled.ok || !Object.keys(fields).length) return enrolled;
    const again = await patch(await read(), fields);
    return isOk(again) ? OK : failure(again);
  }

  /** Tells the gateway to forget this browser. What it no longer knows has left already. */
  async function leave(device) {
    const answer = await call('DELETE', path(device), { secret: device.secret });
    if (!isOk(answer) && answer.status !== 401 && answer.status !== 404) return failure(answer);
    await write(null);
    return OK;
  }

  const move = (device, subscription) => amend(device, address(subscription), subscription);

  return { read, enrol, amend, move, leave, settleIdentity };
}
