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
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), LIMIT_MS);
    try {
      const headers = {};
      if (body) headers['Content-Type'] = 'text/plain;charset=UTF-8';
      if (secret) headers.Authorization = `Bearer ${secret}`;
      const response = await host.fetch(gateway + path, {
        method,
        headers,
        body: JSON.stringify(body), // undefined stays undefined
        credentials: 'omit',
        cache: 'no-cache', // who asks wants today's answer: a kept one may name a key that was replaced
        referrerPolicy: 'no-referrer', // a page's address may hold a person's data
        keepalive: Boolean(keepalive),
        signal: abort.signal,
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

/** How a public call answers when it did not fail. */
export const OK = { ok: true, reason: null };

/** How it answers when it did: one of the words of docs/reference/sdk.md, and what is known beyond. */
export const failed = (reason, message = null, code = null) => ({ ok: false, reason, code, message });

/** The gateway's refusal in that shape. */
export function failure({ status, body }) {
  const { code, message } = (body && body.error) || {};
  return failed(reasonOf(status), message, code);
}
