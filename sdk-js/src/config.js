// The app's public settings (`GET /v1/sdk/config`), kept for a while so that a page view costs no request.

export const CONFIG_AGE_MAX_MS = 3600 * 1000;

const isFor = (kept, gateway, app) => Boolean(kept && kept.gateway === gateway && kept.app === app);

/** Whether an answer is what we may build on: it names our app and, unless killed, a key. */
function isUsable(body, app) {
  const webpush = body && body.channels && body.channels.webpush;
  return Boolean(body && body.app === app && (body.killed || (webpush && webpush.vapid_public_key)));
}

function digest(body, gateway) {
  const { vapid_public_key: key = null, vapid_key_id: keyId = null } = (body.channels && body.channels.webpush) || {};
  return {
    gateway,
    app: body.app,
    key,
    keyId,
    links: (body.link_hosts || []).map((name) => String(name).toLowerCase()),
    topics: body.topics || [],
    receipts: body.receipts || [],
    workerVersion: body.worker_version || null,
    killed: body.killed === true,
    at_ms: Date.now(),
  };
}

/** What the last answer said, however old; null when there was none for this gateway and app. */
export async function keptConfig(store, gateway, app) {
  const kept = await store.get('config');
  return isFor(kept, gateway, app) ? kept : null;
}

/**
 * The settings, at most `age_ms_max` old where the gateway answers, else as last heard. Answers `{config, answer}`:
 * config is null when they were never heard, and `answer` then tells why.
 */
export async function loadConfig({ store, call, gateway, app, age_ms_max = CONFIG_AGE_MAX_MS }) {
  const kept = await keptConfig(store, gateway, app);
  const age_ms = kept ? Date.now() - kept.at_ms : NaN;
  if (age_ms >= 0 && age_ms < age_ms_max) return { config: kept };
  const answer = await call('GET', `/v1/sdk/config?app=${encodeURIComponent(app)}`);
  if (answer.status !== 200 || !isUsable(answer.body, app)) return { config: kept, answer };
  return { config: await store.set('config', digest(answer.body, gateway)), answer };
}
