// What every app does with its device, whichever library speaks to the phone: ask, register, register anew when the
// system changes the token, tell what was shown and clicked, leave.
import { tokenOf } from './index.js';

const refused = (reason) => ({ ok: false, reason, code: null, param: null, message: null, id: null });

/** Where it is and how it speaks, as far as the JavaScript engine knows. */
function locale() {
  const { locale: language, timeZone: timezone } = new Intl.DateTimeFormat().resolvedOptions();
  return { language, timezone };
}

/**
 * @param {object} given device: of `createDevice`; phone: what a library tells of this phone: `isPermitted()`, `ask()`
 *   (both a promise of true or false), `address()` (a promise of `{channel, token, ...}`), and `onAddress(listener)`,
 *   `onShown(listener)`, `onClicked(listener)`, each answering (a promise of) a function that stops it. Listeners get an
 *   address, or the data of a push.
 */
export function createApp({ device, phone }) {
  const stops = [];
  let asking = 0; // the system tells listeners, too, of a token that was asked for: that is no new one

  async function address() {
    asking += 1;
    try {
      return await phone.address();
    } finally {
      asking -= 1;
    }
  }

  const register = async (wish) => {
    try {
      return await device.register({ ...locale(), ...wish, ...(await address()) });
    } catch (error) {
      return { ...refused('no_token'), message: String((error && error.message) || error) };
    }
  };

  const renew = async (changed) => {
    if (!asking && await device.id()) await device.register(changed);
  };

  const report = (kind) => (data) => {
    const token = tokenOf(data);
    return token ? device.report(kind, [token]) : undefined;
  };

  async function listen() {
    if (stops.length) return;
    stops.push(
      await phone.onAddress(renew),
      await phone.onShown(report('shown')),
      await phone.onClicked(report('clicked')),
    );
  }

  return {
    /** At each start: listens, and brings the gateway up to date if this device is registered. Asks nobody. */
    async start() {
      await listen();
      if (!await device.id()) return refused('not_registered');
      return await phone.isPermitted() ? register({}) : device.leave();
    },
    /** From a tap: asks where it must, and registers. `wish`: topics, tags, consent. */
    async subscribe(wish) {
      await listen();
      const isPermitted = await phone.isPermitted() || await phone.ask();
      return isPermitted ? register(wish) : refused('denied');
    },
    unsubscribe: () => device.leave(),
    async stop() {
      await Promise.all(stops.splice(0).map((stop) => stop()));
    },
  };
}
