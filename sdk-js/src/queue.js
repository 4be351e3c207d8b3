// Functions that a page queued before the script had loaded, and those it goes on pushing afterwards.
import { complain } from './calls.js';

function runQueued(host, api, entry) {
  try {
    if (typeof entry === 'function') entry(api);
  } catch (error) {
    complain(host, 'a queued function threw', error);
  }
}

/** `api.push(fn)` goes on working after the script has loaded: the function runs at once. */
export function takeOverQueue(host, api, queue) {
  api.push = (...entries) => entries.forEach((entry) => runQueued(host, api, entry));
  if (Array.isArray(queue)) api.push(...queue);
}
