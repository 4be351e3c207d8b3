// The ES module, for shops that bundle their scripts: `import { startSteeple } from '@steeple/sdk-js'`. It is the page
// script with its options as an object instead of data- attributes. Importing it does nothing.
import { complain } from './calls.js';
import { readOptions } from './options.js';
import { createSteeple } from './page.js';
import { takeOverQueue } from './queue.js';
import { VERSION } from './version.js';

export { VERSION };

/** On a server there is no push: every call answers `{ok: false, reason: "unsupported"}`; without an app, "app_missing". */
const SERVER = {
  isSecureContext: true, navigator: {}, location: new URL('https://server.invalid/'), document: { querySelector: () => null }, console,
};

/** Options as a script tag would bring them: `consent` is the attribute `data-consent`, and so on. */
const tagOf = ({ nonce, ...data }) => ({ src: `${data.gateway}/sdk/`, dataset: data, nonce: nonce || '' });

/**
 * Starts Steeple in this page and answers its calls, the same as `window.Steeple`. A page has one: the second call, or
 * one in a page that has the script tag as well, answers the first. Never throws: options that are none (a setting that a
 * build forgot) are told in the console, and every call answers "app_missing".
 * @param {object} given gateway, app; and what the script tag takes, without "data-"
 */
export function startSteeple(given, host = typeof window === 'undefined' ? SERVER : window) {
  try {
    const before = host.Steeple;
    if (before && before.version) return before;
    const { api, start } = createSteeple(host, readOptions(tagOf(given), host.location));
    if (host === SERVER) return api;
    host.Steeple = api;
    takeOverQueue(host, api, before);
    start();
    return api;
  } catch (error) {
    complain(host, error);
    return startSteeple({ gateway: SERVER.location.href }, SERVER);
  }
}
