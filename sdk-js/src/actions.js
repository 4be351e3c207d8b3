// What a person or the shop can change, each made while nobody else changes the stored device.
// Each answers `{ok, reason, code, message}`; UNCHANGED when there was nothing to do.
import { failed, OK } from './wire.js';

export const UNCHANGED = { ok: true, reason: null };
const TOPICS_MAX = 50;

const slugs = (list) => [...new Set(list.flat().filter((slug) => typeof slug === 'string' && slug))].slice(0, TOPICS_MAX);
const isPlainObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const pickProof = ({ signature, expires }) => ({ signature, expires });
const userOf = (identity) => (identity && identity.external_id) || null;

export function createActions({ host, store, visit }) {
  const device = visit.gatewayDevice;

  /** The proof of consent: which words, when, where. The page's query stays out, it may hold a person's data. */
  const consentTo = (text) => ({
    text: typeof text === 'string' ? text : '',
    at: new Date().toISOString(),
    page: host.location.origin + host.location.pathname,
  });

  /** Subscribes the browser and enrols it; permission is granted by now. */
  async function enrol({ topics, consentText }) {
    const browser = await visit.subscribeBrowser();
    if (!browser.ok) return browser;
    const wish = topics && slugs([topics]);
    // Kept before the request: should the gateway be away, the next visit enrols with these very words.
    const choice = await store.update('choice', (before) => ({
      topics: wish || (before || {}).topics, consent: consentTo(consentText),
    }));
    const known = visit.device;
    const isMoved = known && known.endpoint !== visit.subscription.endpoint;
    if (isMoved) await device.move(known, visit.subscription); // keeps the id where it can
    // Of a known browser the gateway has the topics; those kept here may have been taken away elsewhere since.
    return device.enrol(visit.subscription, { topics: wish || (known ? undefined : choice.topics) });
  }

  async function unsubscribe() {
    // Kept first: should anything below fail, the next visit finishes it instead of resubscribing.
    await store.update('choice', (choice) => ({ ...choice, opted_out: true }));
    await store.set('failed_at_ms', undefined);
    const told = await visit.leave();
    return told.reason === 'refused' ? told : OK; // unheard by the gateway, the address is dead all the same
  }

  const isReachable = () => visit.device && visit.subscription && !visit.choice.opted_out;
  const amend = (fields) => (isReachable()
    ? device.amend(visit.device, fields, visit.subscription)
    : failed('not_subscribed'));

  /** Changes what is followed as the gateway has it: a topic may have been taken away elsewhere since we heard last. */
  async function amendTopics(change) {
    const heard = await amend({});
    await visit.look();
    return heard.ok ? amend({ topics: change(visit.device.topics) }) : heard;
  }

  async function setIdentity(identity) {
    await store.set('identity', identity);
    // Without a device it waits in the store, for the enrolment.
    if (!visit.device || userOf(identity) === (visit.device.user || null)) return UNCHANGED;
    return device.settleIdentity(visit.device, visit.subscription);
  }

  return {
    enrol,
    unsubscribe,
    login: (externalId, proof) => (externalId
      ? setIdentity({ external_id: String(externalId), ...pickProof(proof || {}) })
      : failed('invalid', 'login needs an id')),
    logout: () => setIdentity(undefined),
    addTopics: (...list) => amendTopics((held) => slugs([...held, ...list])),
    removeTopics: (...list) => amendTopics((held) => held.filter((slug) => !slugs(list).includes(slug))),
    setTags: (tags) => (isPlainObject(tags) ? amend({ tags }) : failed('invalid', 'tags.set needs an object')),
  };
}
