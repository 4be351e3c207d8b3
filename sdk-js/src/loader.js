// The page script's entry: one global, at once, that takes over a queue made before it loaded.
import { complain } from './calls.js';
import { ownTag, readOptions } from './options.js';
import { createSteeple } from './page.js';

function runQueued(host, api, entry) {
  try {
    if (typeof entry === 'function') entry(api);
  } catch (error) {
    complain(host, 'a queued function threw', error);
  }
}

/** `Steeple.push(fn)` goes on working after the script has loaded: the function runs at once. */
function takeOverQueue(host, api, queue) {
  api.push = (...entries) => entries.forEach((entry) => runQueued(host, api, entry));
  if (Array.isArray(queue)) api.push(...queue);
}

/** Sets `host.Steeple`. Never throws: a shop's page must work without us. */
export function boot(host) {
  try {
    const before = host.Steeple;
    if (before && before.version) return; // the tag stands in the page twice
    const { api, start } = createSteeple(host, readOptions(ownTag(host.document), host.location));
    host.Steeple = api;
    takeOverQueue(host, api, before);
    start();
  } catch (error) {
    complain(host, error);
  }
}

if (typeof window !== 'undefined') boot(window);
