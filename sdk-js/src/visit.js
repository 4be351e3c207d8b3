// One page view: what is stored, what the browser holds, and what has to be mended between them and the gateway.
import { keptConfig, loadConfig } from './config.js';
import { decide } from './decide.js';
import { deviceAt } from './device.js';
import { disguise, locale } from './platform.js';
import { ensureRegistration, findRegistration } from './registration.js';
import { dropSubscription, permission, readSubscription, subscribeFault, subscribeWith } from './subscription.js';
import { failed, failure, gatewayCalls, OK } from './wire.js';

/** The shop's name for the notification of last resort. */
function siteName(host) {
  const tag = host.document.querySelector('meta[property="og:site_name"],meta[name="application-name"]');
  return (tag && tag.getAttribute('content')) || host.location.host;
}

export function createVisit({ host, options, store }) {
  const { app, gateway } = options;
  const call = gatewayCalls(host, gateway);
  const here = () => ({ ...disguise(host.navigator), ...locale(host, options.language) });
  const visit = { config: null, registered: null, subscription: null, device: null, choice: {} };
  const device = deviceAt({ store, call, app, here, keyId: () => visit.config && visit.config.keyId });

  /** Reads what is known here, without a request. Also after waiting: another tab or the worker may have changed it. */
  async function look() {
    visit.config = visit.config || await keptConfig(store, gateway, app);
    visit.registered = visit.registered || await findRegistration(host, options);
    const held = visit.registered && await visit.registered.pushManager.getSubscription();
    visit.subscription = readSubscription(held);
    visit.device = await device.read();
    visit.choice = (await store.get('choice')) || {};
  }

  // The worker has no data- attributes; inside a shop's own worker it has no query either.
  const tellWorker = () => store.set('settings', {
    app, gateway, site: siteName(host), ...disguise(host.navigator),
    language: locale(host, options.language).language, receipts: options.sendsReceipts,
  });

  /** A browser does not tell a page why a request failed: the causes, the likeliest first. */
  const unheard = () => `no answer from ${gateway}: is it up, is ${host.location.origin} one of the app's origins, `
    + 'and is the gateway listed in connect-src?';

  async function renewWorker() {
    const { version } = (await store.get('worker')) || {};
    const { worker_version: offered } = visit.config;
    if (version && offered && version !== offered) await visit.registered.update();
  }

  /** What a dead network kept back is sent by the worker, for a visit shows that there is one. */
  async function hurryReceipts() {
    const { active } = visit.registered;
    if (active && ((await store.get('receipts')) || []).length) active.postMessage('steeple:flush');
  }

  /** Fetches the settings. Answers like a public call. */
  async function learn() {
    const { config, answer } = await loadConfig({ store, call, gateway, app });
    if (!config) return answer.status ? failure(answer) : failed('offline', unheard());
    visit.config = config;
    return config.killed ? failed('killed') : OK;
  }

  /** Fetches the settings and starts the worker ahead of the click that will need both. Answers like a public call. */
  async function prepare() {
    const { at_ms: before } = visit.config || {};
    const learned = await learn();
    if (!learned.ok) return learned;
    await tellWorker();
    visit.registered = await (options.register || ensureRegistration)(host, options, visit);
    await hurryReceipts();
    if (visit.config.at_ms !== before) await renewWorker().catch(() => {}); // an update that fails leaves the old worker in place
    return OK;
  }

  /** Makes the browser's subscription, or says why it could not. */
  async function subscribeBrowser() {
    try {
      visit.subscription = await subscribeWith(visit.registered, visit.config.key);
      return OK;
    } catch (error) {
      return subscribeFault(error);
    }
  }

  async function resubscribe(why) {
    if (why === /* @__KEY__ */ 'key_changed') await dropSubscription(visit.registered);
    const made = await subscribeBrowser();
    if (!made.ok) return made;
    return visit.device ? device.move(visit.device, visit.subscription) : device.enrol(visit.subscription);
  }

  async function leave() {
    await dropSubscription(visit.registered).catch(() => {}); // the gateway must hear of it all the same
    visit.subscription = null;
    return visit.device ? device.leave(visit.device) : OK;
  }

  /** Takes the browser off the gateway's list; who blocked us in the browser's settings may allow us there again. */
  async function takeOff({ why }) {
    const blocked = permission(host) === 'denied';
    if (why === /* @__KEY__ */ 'permission_lost') await store.update('choice', (choice) => ({ ...choice, blocked }));
    return leave();
  }

  const carryOut = {
    nothing: () => OK,
    leave: takeOff,
    resubscribe: ({ why }) => resubscribe(why),
    enrol: () => device.enrol(visit.subscription),
    move: () => device.move(visit.device, visit.subscription),
    amend: ({ fields }) => device.amend(visit.device, fields, visit.subscription),
  };

  /** Mends what differs. Answers `{action, result}`. */
  async function reconcile() {
    await look();
    const { language, timezone } = here();
    const action = decide({
      killed: visit.config.killed,
      opted_out: visit.choice.opted_out,
      blocked: visit.choice.blocked,
      permission: permission(host),
      now_ms: Date.now(),
      failed_at_ms: await store.get('failed_at_ms'),
      subscription: visit.subscription,
      device: visit.device,
      key: visit.config.key,
      keyId: visit.config.keyId,
      here: { language, timezone },
    });
    const result = await carryOut[action.do](action);
    if (!result.ok) await store.set('failed_at_ms', Date.now());
    else if (action.do !== 'nothing') await store.set('failed_at_ms', undefined);
    await look();
    if (visit.choice.opted_out && (visit.device || visit.subscription)) await leave(); // heard of it just now
    if (visit.device && action.why !== /* @__KEY__ */ 'backing_off') await device.settleIdentity(visit.device, visit.subscription);
    return { action, result };
  }

  return Object.assign(visit, { call, look, learn, prepare, reconcile, subscribeBrowser, leave, gatewayDevice: device });
}
