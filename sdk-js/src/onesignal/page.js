// The page script in OneSignal's place: `OneSignalDeferred` and `OneSignal` as pages know them, Steeple beneath. A shop
// moves by changing the address of one script, and the one line in its worker file (see docs/how-to).
import { complain, createEvents } from '../calls.js';
import { createSteeple } from '../page.js';
import { takeOverQueue } from '../queue.js';
import { drawerOf, openStore } from '../store.js';
import { createOneSignal } from './api.js';
import { comeUp } from './auto.js';
import { createNotes } from './harmless.js';
import { createHearing } from './hear.js';
import { readLegacy } from './legacy.js';
import { createMove } from './move.js';
import { optionsOf } from './settings.js';
import { createTags, KEPT } from './tags.js';
import { createWatch } from './watch.js';

const SELECTOR = 'script[src*="/onesignal.js"]';
const PROMPTS = 'how prompts look and what they say is set at the gateway (steeple prompts).';

/** A Steeple that the page has anyway is used as it is; else one is made that brings OneSignal's visitors over. */
function openSteeple(host, options) {
  if (host.Steeple && host.Steeple.version) return { api: host.Steeple, start: () => Promise.resolve() };
  const { api, start } = createSteeple(host, options);
  const queue = host.Steeple;
  host.Steeple = api;
  takeOverQueue(host, api, queue);
  return { api, start };
}

/** Whether consent is needed; what was given to the shop under OneSignal counts until the visitor says otherwise. */
function createConsent(host, store, call) {
  const consent = { isRequired: false };
  const decide = (steeple, isGiven) => (isGiven ? steeple.consent.give() : steeple.consent.withdraw());
  consent.require = async (isRequired) => { consent.isRequired = isRequired; };
  consent.say = async (isGiven) => {
    await call((steeple) => decide(steeple, isGiven)); // first: a question in the same click must not be turned away
    await store.update(KEPT, (kept) => ({ ...kept, decided: true }));
  };
  consent.recall = async () => {
    const { decided } = (await store.get(KEPT)) || {};
    if (consent.isRequired && !decided && (await readLegacy(host)).consented) await consent.say(true);
  };
  return consent;
}

function createShim(host, tag) {
  let drawer = null; // of the worker's scope, which init names; nothing is kept before
  const store = {
    get: (key) => drawer.get(key),
    update: (key, change) => drawer.update(key, change),
  };
  const events = createEvents(host);
  const note = createNotes(host);
  let steeple = null;
  let open = null;
  const opened = new Promise((resolve) => { open = resolve; });
  const run = (work) => new Promise((resolve) => { resolve(work(steeple)); }).catch((error) => complain(host, error));
  // A call in a click must not wait: Safari asks only in the click's own turn.
  const call = (work) => (steeple ? run(work) : opened.then(() => run(work)));
  const tags = createTags({ store, send: (all) => steeple.tags.set(all) });
  const { picture, watch } = createWatch({ host, store, events });
  const consent = createConsent(host, store, call);
  const hearing = createHearing({ host, store, events, note });
  let person = null;

  async function learnPerson() {
    const previous = person;
    person = ((await store.get('identity')) || {}).external_id || null;
    const current = { externalId: person, onesignalId: picture().id };
    if (person !== previous) events.emit('User.change', { current });
  }

  async function afterwards() {
    await learnPerson();
    if (picture().optedIn) await tags.deliver();
  }

  async function init(given) {
    if (steeple) return complain(host, 'OneSignal.init was called again; the first call counts.');
    if (given.promptOptions || given.notifyButton) note('init.promptOptions', PROMPTS);
    consent.isRequired = consent.isRequired || Boolean(given.requiresUserPrivacyConsent);
    const options = optionsOf(tag, host.location, { ...given, requiresUserPrivacyConsent: consent.isRequired });
    drawer = openStore(host, drawerOf(options.scope));
    const made = openSteeple(host, { ...options, register: createMove({ store }) });
    steeple = made.api;
    watch(steeple, afterwards);
    hearing.start(options.scope);
    open();
    await made.start();
    await consent.recall();
    comeUp({ host, store, steeple, given }).catch((error) => complain(host, error)); // init does not wait for it
    return undefined;
  }

  return createOneSignal({
    host, events, note, call, tags, picture, consent, who: () => person, learnPerson, wanted: hearing.wanted,
    init: (given) => init(given || {}).catch((error) => complain(host, error)),
  });
}

/** Version 15's queue also held calls as lists: `["sendTag", "plan", "gold"]`. */
function runEntry(oneSignal, entry) {
  if (!Array.isArray(entry)) return entry;
  const [name, ...args] = entry;
  return () => oneSignal[name](...args);
}

/** Sets `host.OneSignal` and takes both queues over. Never throws: a shop's page must work without us. */
export function boot(host) {
  try {
    const { OneSignal: before, OneSignalDeferred: deferred, document } = host;
    if (before && before.Notifications) return; // the tag stands in the page twice
    const oneSignal = createShim(host, document.currentScript || document.querySelector(SELECTOR));
    host.OneSignal = oneSignal;
    host.OneSignalDeferred = {};
    takeOverQueue(host, oneSignal, (Array.isArray(before) ? before : []).map((entry) => runEntry(oneSignal, entry)));
    host.OneSignalDeferred.push = oneSignal.push;
    takeOverQueue(host, oneSignal, deferred);
  } catch (error) {
    complain(host, error);
  }
}

if (typeof window !== 'undefined') boot(window);
