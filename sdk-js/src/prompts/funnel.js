// What becomes of prompts, told to the gateway in small batches: which prompt and variant, on which path, to which end.
// Fire and forget: figures are not worth a second request. No person, no query of an address is in them.
const BATCH_MAX = 20;
const WAIT_MS = 1000;
const PATH_CHARS_MAX = 1000;

/** Answers `report({prompt, variant, outcome})`. `call`: to the gateway. */
export function createFunnel(host, call, app) {
  let waiting = [];
  let timer = null;

  function flush() {
    clearTimeout(timer);
    timer = null;
    const reports = waiting;
    waiting = [];
    if (reports.length) call('POST', '/v1/prompts/outcomes', { body: { app, reports }, keepalive: true });
  }

  host.addEventListener('pagehide', flush);

  return function report({ prompt, variant, outcome }) {
    waiting.push({ prompt, variant, path: host.location.pathname.slice(0, PATH_CHARS_MAX), outcome });
    if (waiting.length >= BATCH_MAX) flush();
    else timer = timer || setTimeout(flush, WAIT_MS);
  };
}
