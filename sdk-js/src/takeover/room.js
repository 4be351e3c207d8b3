// Visitors of another push provider come over at their next visit, without a question: permission is the origin's, so
// whoever said yes to the shop by way of that provider has said yes to the shop.
//
// The shop names the provider's worker file in `data-migrate`. Without more, that worker and its subscription are left
// in peace, and both providers reach the visitor; with `data-migrate-end` they are ended, and only they, once the
// visitor is with us.
import { takeoverWish } from '../options.js';
import { openRoom } from '../rooms.js';

const REGISTRATIONS_MAX = 50;

const scriptOf = ({ active, waiting, installing }) => (active || waiting || installing || {}).scriptURL;

/** Whether a registration runs the very file that the shop named; queries are the provider's own affair. */
export function isOf(registration, file, page) {
  const script = scriptOf(registration);
  if (!script) return false;
  const [have, want] = [new URL(script), new URL(file, page)];
  return have.origin === want.origin && have.pathname === want.pathname;
}

/**
 * What a visit does about the other provider, as a pure function.
 *   isOurs: we reach this visitor already; isTheirs: the provider holds a subscription; ends: data-migrate-end is set
 * "over": nothing is left to do, now or at later visits.
 */
export function decideTakeover({ isOurs, isTheirs, ends }) {
  if (!isOurs) return isTheirs ? 'enrol' : 'wait';
  return ends ? 'end' : 'over';
}

export function makeTakeover({ host, options, store, api, actions, act }) {
  const { migrate, migrateEnd } = options.data;

  async function theirs() {
    const all = await host.navigator.serviceWorker.getRegistrations();
    return all.slice(0, REGISTRATIONS_MAX).filter((one) => isOf(one, migrate, host.location.href));
  }

  async function holdsSubscription(registrations) {
    const held = await Promise.all(registrations.map((one) => one.pushManager.getSubscription()));
    return held.some(Boolean);
  }

  async function end(registration) {
    const held = await registration.pushManager.getSubscription();
    if (held) await held.unsubscribe();
    await registration.unregister();
  }

  /** One step of the move, or two; answers like a public call. */
  async function run() {
    const registrations = await theirs();
    const facts = async () => ({
      isOurs: (await api.state()).subscribed,
      isTheirs: await holdsSubscription(registrations),
      ends: migrateEnd !== undefined,
    });
    let step = decideTakeover(await facts());
    if (step === 'enrol') {
      const done = await act('subscribed', actions.enrol, [{ consentText: `carried over from ${migrate}` }]);
      if (!done.ok) return done;
      step = decideTakeover(await facts());
    }
    if (step === 'end') await Promise.all(registrations.map(end));
    if (step === 'end' || step === 'over') await store.set('migrated', takeoverWish(options.data));
    return { ok: true, reason: null };
  }

  return { run };
}

if (typeof window !== 'undefined') openRoom(window, 'takeover', makeTakeover);
