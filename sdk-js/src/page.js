// The public calls: `window.Steeple`. Each answers a promise of `{ok, reason, code, message}` plus the state, and
// never rejects. The words of `reason` and the events are listed in docs/reference/sdk.md.
import { createActions, UNCHANGED } from './actions.js';
import { complain, createEvents, turns } from './calls.js';
import { takeoverWish } from './options.js';
import { isFault, snapshot } from './state.js';
import { createRooms } from './rooms.js';
import { drawerOf, openStore } from './store.js';
import { askPermission, permission, unsupported } from './subscription.js';
import { VERSION } from './version.js';
import { createVisit } from './visit.js';
import { failed, OK } from './wire.js';

/** A promise-making function run once until it fails: later calls share its answer. */
function shared(work) {
  let running = null;
  const again = () => { running = null; };
  return () => {
    running = running || work();
    running.then((done) => done && done.ok === false && again(), again);
    return running;
  };
}

export function createSteeple(host, options) {
  const store = openStore(host, drawerOf(options.scope));
  const { emit, on } = createEvents(host);
  const inTurn = turns(host);
  let missing = options.app ? unsupported(host) : 'app_missing';
  const visit = createVisit({ host, options, store }); // where push is missing it stays as empty as it is made
  const actions = createActions({ host, store, visit });
  let hasConsent = !options.needsConsent;
  let isLooked = false;

  /** A person who forbids a site to keep data has forbidden it workers, too: browsers say so when they are asked. */
  const refused = (error) => {
    if (error.name !== 'SecurityError') throw error;
    missing = 'unsupported';
  };

  /** Reads what is stored and what the browser holds; no request. */
  async function look() {
    hasConsent = hasConsent || Boolean(await store.get('consented_at_ms'));
    if (!missing) await visit.look().catch(refused);
    isLooked = true;
  }

  const prepare = shared(async () => {
    await look();
    return visit.prepare();
  });

  function blockedBy() {
    if (missing) return missing;
    if (!hasConsent) return 'consent_required';
    return (visit.config || {}).killed ? 'killed' : null;
  }

  const state = () => snapshot(host, visit, blockedBy(), !missing);

  function answer(outcome) {
    const known = state();
    return { code: null, message: null, ...known, ...outcome, reason: outcome.reason || known.reason };
  }

  function settle(name, outcome) {
    const full = answer(outcome);
    if (full.ok || !isFault(full.reason)) return full;
    if (full.reason === 'denied') emit('denied', full);
    else {
      complain(host, name, full.reason, full.code || '', full.message || '');
      emit('error', { call: name, ...full });
    }
    return full;
  }

  /** A public call: its first lines run in the caller's turn, and whatever happens inside, the page gets an answer. */
  const guarded = (name, work) => async (...args) => {
    try {
      return settle(name, await work(...args));
    } catch (error) {
      return settle(name, failed((error && error.reason) || 'internal', String(error)));
    }
  };

  /** Runs an action in turn, on what is stored now, and tells `event` when something changed. */
  async function act(event, action, args) {
    const done = await inTurn(async () => {
      await look();
      return action(...args);
    });
    await look();
    if (done.ok && done !== UNCHANGED) emit(event, answer(OK));
    return done;
  }

  /** `isForAll`: also where push is missing, for it says who reads the inbox there. */
  const change = (name, event, action, isForAll) => guarded(name, async (...args) => {
    await look();
    const blocked = isForAll && missing && hasConsent ? null : blockedBy();
    return blocked ? failed(blocked) : act(event, action, args);
  });

  async function subscribe(wish) {
    const blocked = blockedBy();
    if (blocked && (isLooked || missing)) return failed(blocked);
    // Nothing may be awaited before this line: Safari asks only in the click's own turn.
    const permitted = await askPermission(host);
    if (permitted !== 'granted') return failed(permitted === 'denied' ? 'denied' : 'dismissed');
    if (!isLooked) await look(); // clicked before the store was read
    const ready = blockedBy() ? failed(blockedBy()) : await prepare();
    return ready.ok ? act('subscribed', actions.enrol, [wish || {}]) : ready;
  }

  /** Whether visitors of another provider are to come over, as the shop's tag says, and this one may not have yet. */
  const mayTakeOver = async () => {
    const wish = takeoverWish(options.data);
    return wish && permission(host) === 'granted' && !visit.choice.opted_out && wish !== await store.get('migrated');
  };

  async function mend() {
    await look();
    const blocked = blockedBy();
    if (blocked && blocked !== 'killed') return failed(blocked); // the switch may have been turned back
    const ready = await prepare();
    if (!ready.ok) return ready;
    const { action, result } = await inTurn(visit.reconcile);
    if (result.ok && await mayTakeOver()) return (await enter('takeover')).run();
    if (result.ok && action.do !== 'nothing' && action.why !== /* @__KEY__ */ 'still_here') emit('changed', answer(OK));
    return result;
  }

  /** Lets the room of prompts do something, once it has what it needs: a browser that can be asked or, on iOS, told how. */
  async function prompts(act, isWanted) {
    await look();
    const blocked = blockedBy();
    const isGuide = hasConsent && blocked === 'ios_home_screen';
    if (blocked && !isGuide) return failed(blocked);
    const ready = await (isGuide ? visit.learn : prepare)();
    return ready.ok && isWanted() ? act(await enter('prompts')) : ready;
  }

  /** Somebody who is subscribed needs no question, only what is part of the page. */
  const hasPrompts = () => (visit.config.prompts || []).some(({ kind }) => !state().subscribed || kind === 'bell' || kind === 'inline');

  const arrive = guarded('start', mend);

  let isReady = false;

  /** The page view itself: settings, worker, and whatever differs from what the gateway knows; then "ready", once. */
  const start = async () => {
    const done = await arrive();
    emit(isReady ? 'changed' : 'ready', done);
    isReady = true;
    if (done.ok) flush();
    if (options.data.inbox === 'on') inbox('watch')();
    if (done.ok || done.reason === 'ios_home_screen') guarded('prompts', () => prompts((room) => room.start(), hasPrompts))();
    return done;
  };

  async function giveConsent() {
    const isNews = !hasConsent;
    hasConsent = true; // before anything is awaited: a subscribe() in the same click must not be turned away
    await store.set('consented_at_ms', Date.now());
    return isNews ? start() : arrive(); // tools for consent say it on every page view
  }

  async function withdrawConsent() {
    const left = missing ? OK : await act('unsubscribed', actions.unsubscribe, []);
    await store.set('consented_at_ms', undefined);
    hasConsent = !options.needsConsent;
    if (await store.get('visitor')) await (await enter('inbox')).leave(); // last: it needs the gateway
    return left;
  }

  async function listTopics() {
    await look();
    const { topics } = state();
    return ((visit.config || {}).topics || []).map(({ slug, name }) => ({ slug, name, subscribed: topics.includes(slug) }));
  }

  /** Sends what was tracked. Who is not subscribed keeps it until they are. */
  const sendEvents = async (id) => (visit.device && await store.get('events') ? (await enter('events')).send(id) : OK);
  const flush = guarded('track', () => sendEvents());
  on('subscribed', flush);

  /** Kept before anything is read, loaded or sent, so that it outlives the page; see events/batch.js. */
  async function track(name, properties) {
    if (!hasConsent) await look();
    const blocked = blockedBy();
    if (blocked) return failed(blocked);
    const id = Math.random();
    const event = [id, Date.now(), (visit.device || {}).user, name, JSON.stringify(properties || {})];
    await store.update('events', (queue) => [...(queue || []), event].slice(-100));
    emit('tracked', { name, properties });
    await look();
    return sendEvents(id);
  }

  /** A call of the room "inbox", which needs no push: who refused it, or whose browser knows none, reads as a visitor. */
  const inbox = (name) => guarded(`inbox.${name}`, async (...args) => {
    await look();
    return hasConsent ? (await enter('inbox'))[name](...args) : failed('consent_required');
  });

  /** The dialog in which visitors choose what they are sent. */
  async function choose() {
    await look();
    const blocked = blockedBy();
    return blocked ? failed(blocked) : (await enter('preferences')).show();
  }

  const api = {
    version: VERSION,
    subscribe: guarded('subscribe', subscribe),
    unsubscribe: change('unsubscribe', 'unsubscribed', actions.unsubscribe),
    state: () => look().then(state, state),
    login: change('login', 'changed', actions.login, true),
    logout: change('logout', 'changed', actions.logout, true),
    topics: {
      add: change('topics.add', 'changed', actions.addTopics),
      remove: change('topics.remove', 'changed', actions.removeTopics),
      list: () => listTopics().catch(() => []),
    },
    preferences: { show: guarded('preferences.show', choose) },
    tags: { set: change('tags.set', 'changed', actions.setTags) },
    track: guarded('track', track),
    consent: { give: guarded('consent.give', giveConsent), withdraw: guarded('consent.withdraw', withdrawConsent) },
    inbox: { list: inbox('list'), unread: inbox('unread'), read: inbox('read'), show: inbox('show') },
    prompt: { show: guarded('prompt.show', (slug) => prompts((room) => room.show(slug), () => true)) },
    on,
  };
  const core = { host, options, store, visit, api, emit, actions, act };
  const enter = core.enter = createRooms({ host, options, core });
  return { api, start, enter };
}
