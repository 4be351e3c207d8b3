// HTTP to the gateway, for page and worker alike. JSON goes out as text/plain, a "simple" request of the Fetch
// standard: enrolling and reporting need no preflight. No cookies ever travel (credentials: omit).

const LIMIT_MS = 15000;

async function read(response) {
  try {
    return await response.json();
  } catch (e) {
    return null; // 204, or an error page of a proxy in between
  }
}

/**
 * `call(method, path, {body, secret, keepalive})` -> `{status, body}`; status 0 when nothing answered in time.
 * Never rejects: what the network does is an outcome, not an exception.
 */
export function gatewayCalls(host, gateway) {
  return async function call(method, path, { body, secret, keepalive } = {}) {
    const abort = typeof AbortController === 'function' ? new AbortController() : null;
    const timer = setTimeout(() => abort && abort.abort(), LIMIT_MS);
    try {
      const headers = {};
      if (body !== undefined) headers['Content-Type'] = 'text/plain;charset=UTF-8';
      if (secret) headers.Authorization = `Bearer ${secret}`;
      const response = await host.fetch(gateway + path, {
        method,
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
        credentials: 'omit',
        cache: 'no-cache', // who asks wants today's answer: a kept one may name a key that was replaced
        referrerPolicy: 'no-referrer', // a page's address may hold a person's data
        keepalive: Boolean(keepalive),
        signal: abort ? abort.signal : undefined,
      });
      return { status: response.status, body: await read(response) };
    } catch (e) {
      return { status: 0, body: null };
    } finally {
      clearTimeout(timer);
    }
  };
}

export const isOk = (answer) => answer.status >= 200 && answer.status < 300;

const reasonOf = (status) => {
  if (status === 0) return 'offline';
  return status === 429 || status >= 500 ? 'busy' : 'refused';
};

/** The gateway's refusal in the shape every public call answers with. */
export function failure(answer) {
  const error = (answer.body && answer.body.error) || {};
  return { ok: false, reason: reasonOf(answer.status), code: error.code || null, message: error.message || null };
}
