// The service worker's registration: found, made when missing, and never anybody else's disturbed.
import { within } from './time.js';
import { trustedAddress } from './trusted.js';

const ACTIVE_LIMIT_MS = 15000;

const anyWorker = (registration) => registration.active || registration.waiting || registration.installing;

/** What we register. In a scope of the shop's own ("/") the file is theirs and must keep its exact address. */
function workerAddress({ worker, scope, gateway, app }) {
  const url = new URL(worker);
  if (new URL(scope).pathname === '/') return url.href;
  url.searchParams.set('gateway', gateway);
  url.searchParams.set('app', app);
  return url.href;
}

/** Whether a registered script may stay: "ours" as wanted, "stale" when ours for another app, "foreign" otherwise. */
export function judgeScript(registered, wanted) {
  const [have, want] = [new URL(registered), new URL(wanted)];
  if (have.origin + have.pathname !== want.origin + want.pathname) return 'foreign';
  return !have.searchParams.has('app') || have.href === want.href ? 'ours' : 'stale';
}

/** What stands at our scope: `{found, verdict}`. Asked for a missing one, the browser answers with a wider scope's. */
async function inspect(host, options) {
  const found = await host.navigator.serviceWorker.getRegistration(options.scope);
  if (!found || found.scope !== options.scope || !anyWorker(found)) return { found: null, verdict: 'missing' };
  return { found, verdict: judgeScript(anyWorker(found).scriptURL, workerAddress(options)) };
}

/** Safari 18.4 and later subscribe a window without a worker, and show our declarative messages by themselves. */
const workerless = ({ pushManager }) => (pushManager ? { pushManager, async update() {} } : null);

/** Our registration, or null; never one that belongs to somebody else. */
export async function findRegistration(host, options) {
  const { found, verdict } = await inspect(host, options);
  return verdict === 'foreign' ? null : found || workerless(host);
}

function whenActive(registration) {
  if (registration.active) return Promise.resolve(registration);
  const worker = anyWorker(registration);
  return new Promise((resolve, reject) => {
    const look = () => {
      if (worker.state === 'activated') resolve(registration);
      if (worker.state === 'redundant') reject(new Error('the worker was not installed'));
    };
    worker.addEventListener('statechange', look);
    look();
  });
}

/**
 * Answers an active registration of ours, registering where needed.
 * Rejects with `reason` "worker_foreign" when another script holds our scope, "worker_missing" when ours cannot start.
 */
export async function ensureRegistration(host, options) {
  const { found, verdict } = await inspect(host, options);
  if (verdict === 'foreign') throw Object.assign(new Error('another worker holds this scope'), { reason: 'worker_foreign' });
  try {
    // updateViaCache none: a look for updates must reach the gateway's file too, not the copy in the HTTP cache.
    const registration = verdict === 'ours' ? found : await host.navigator.serviceWorker.register(
      trustedAddress(host, workerAddress(options)), { scope: options.scope, updateViaCache: 'none' },
    );
    return await within(ACTIVE_LIMIT_MS, whenActive(registration));
  } catch (error) {
    if (host.pushManager) return workerless(host);
    throw Object.assign(error, { reason: 'worker_missing' });
  }
}
