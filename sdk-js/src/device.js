// This browser as the gateway knows it: enrol, change, identify, leave. Shared by page and worker.
// The gateway's id and secret stand under "device" in the store; whoever changes them writes them here only.
import { failure, isOk, OK } from './wire.js';

// 401 and 404: the gateway no longer knows this id or secret. 409: the address is on record under another id.
const isLost = ({ status }) => status === 401 || status === 404 || status === 409;

const path = (device) => `/v1/subscriptions/${device.id}`;
const topicsOf = (answer, fallback) => (answer.body && Array.isArray(answer.body.topics) ? answer.body.topics : fallback || []);

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
   * Brings the person known at the gateway in line with the last login or logout; no request when they agree.
   * With a `subscription` given, a browser the gateway has forgotten is enrolled afresh, which settles it too.
   */
  async function settleIdentity(device, subscription) {
    const identity = await store.get('identity');
    if (((identity && identity.external_id) || null) === (device.user || null)) return OK;
    const answer = await identify(device, identity);
    if (isOk(answer)) return OK;
    // Only 404: a 401 may as well speak of the shop's signature.
    if (answer.status !== 404 || !subscription) return failure(answer);
    await write(null);
    return enrol(subscription);
  }

  /** Somebody left elsewhere, by the link of a message or in the shop's own settings: no visit may bring them back. */
  const stayAway = () => store.update('choice', (choice) => ({ ...choice, opted_out: true }));

  /**
   * Keeps the device and, as the person's choice, what the gateway says it follows: a topic that was taken away elsewhere,
   * by the link of a message, must not come back when this browser enrols afresh.
   */
  async function hold(device, changes) {
    await write({ ...device, seen_at_ms: Date.now() });
    await store.update('choice', (choice) => ({ ...choice, ...changes, topics: device.topics }));
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
      if (refusal.code === 'consent_withdrawn') await stayAway();
      return refusal;
    }
    const device = {
      app, id, secret, endpoint: subscription.endpoint, vapid_key_id: keyId(), language: at.language, timezone: at.timezone,
      topics: topicsOf(answer, topics), user: null,
    };
    await hold(device, { opted_out: undefined });
    await settleIdentity(device);
    return OK;
  }

  async function patch(device, fields) {
    const answer = await call('PATCH', path(device), { body: fields, secret: device.secret });
    if (isOk(answer)) {
      const { keys, tags, ...kept } = fields; // the browser holds the keys, the gateway the tags
      await hold({ ...device, ...kept, topics: topicsOf(answer, kept.topics || device.topics) });
      if (answer.body && answer.body.state === 'left') await stayAway();
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
