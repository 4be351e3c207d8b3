// The app's public settings (`GET /v1/sdk/config`), kept for a while so that a page view costs no request.
import { isPast } from './decide.js';

export const CONFIG_AGE_MAX_MS = 3600 * 1000;

/**
 * The answer as it is kept: as it came, with the key of web push at hand and lists where the gateway left them out.
 * Null for one that we may not build on: it names another app or, though not killed, no key.
 */
function digest(body, gateway, app) {
  const { channels, link_hosts = [], killed } = body || {};
  const { vapid_public_key: key, vapid_key_id: keyId } = (channels || {}).webpush || {};
  if (!body || body.app !== app || !(killed || key)) return null;
  const links = link_hosts.map((name) => name.toLowerCase());
  return { topics: [], receipts: [], ...body, gateway, key, keyId, links, at_ms: Date.now() };
}

/** What the last answer said, however old; null when there was none for this gateway and app. */
export async function keptConfig(store, gateway, app) {
  const kept = await store.get('config');
  return kept && kept.gateway === gateway && kept.app === app ? kept : null;
}

/**
 * The settings, at most `age_ms_max` old where the gateway answers, else as last heard. Answers `{config, answer}`:
 * config is null when they were never heard, and `answer` then tells why.
 */
export async function loadConfig({ store, call, gateway, app, age_ms_max = CONFIG_AGE_MAX_MS }) {
  const kept = await keptConfig(store, gateway, app);
  if (kept && !isPast(kept.at_ms, age_ms_max, Date.now())) return { config: kept };
  const answer = await call('GET', `/v1/sdk/config?app=${encodeURIComponent(app)}`);
  const fresh = answer.status === 200 && digest(answer.body, gateway, app);
  return { config: fresh ? await store.set('config', fresh) : kept, answer };
}
