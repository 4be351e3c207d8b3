// Sends what was tracked: oldest first, up to 20 at once, by requests that outlive the page. What the gateway did not
// take stays in the store for the next page; an event keeps its id, so that one that was heard twice counts once.
import { complain } from '../calls.js';
import { failure, gatewayCalls, OK } from '../wire.js';
import { bodyOf, mayOutlive, nextBatch, stillWanted, verdictOn, without } from './batch.js';

const ROUNDS_MAX = 10;
const PATH = '/v1/events';

export function createSending({ host, options, store, visit }) {
  const call = gatewayCalls(host, options.gateway);
  let underWay = null;
  let tail = Promise.resolve();

  /** One request of at most so many, and what it settled. Answers null where there is nothing to send, else `{answer, found}`. */
  async function post(most) {
    const device = await visit.gatewayDevice.read();
    if (!device) return null;
    const queue = await store.update('events', (kept) => {
      const left = stillWanted(kept, device.user, Date.now());
      return left.length ? left : undefined;
    });
    if (!queue) return null;
    const batch = nextBatch(queue, most);
    underWay = bodyOf(device, batch);
    const answer = await call('POST', PATH, { body: underWay, keepalive: mayOutlive(batch) });
    underWay = null;
    const found = verdictOn(answer, batch);
    await store.update('events', (kept) => {
      const left = without(kept, found.gone);
      return left.length ? left : undefined;
    });
    return { answer, found };
  }

  /** Sends until nothing is left or the gateway does not take more; answers how it went with the event `id`. */
  async function drain(id) {
    let outcome = OK;
    let most;
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      const done = await post(most);
      if (!done) break;
      const { answer, found } = done;
      most = found.most || most;
      if (found.bad) complain(host, 'track', failure(answer).message);
      if (found.bad === id || !found.mayGoOn) outcome = failure(answer);
      if (!found.mayGoOn) break;
    }
    return outcome;
  }

  // A browser whose requests end with their page: what is under way goes out once more as a beacon, unanswered.
  const { navigator } = host;
  if (host.Request && !('keepalive' in host.Request.prototype) && navigator.sendBeacon) {
    host.addEventListener('pagehide', () => {
      if (underWay) navigator.sendBeacon(options.gateway + PATH, JSON.stringify(underWay));
    });
  }

  return {
    send(id) {
      const mine = tail.then(() => drain(id));
      tail = mine.catch(() => {});
      return mine;
    },
  };
}
