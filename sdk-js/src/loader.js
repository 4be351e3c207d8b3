// The page script's entry: one global, at once, that takes over a queue made before it loaded.
import { complain } from './calls.js';
import { ownTag, readOptions } from './options.js';
import { createSteeple } from './page.js';
import { takeOverQueue } from './queue.js';

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
