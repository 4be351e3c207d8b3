// What a page written for OneSignal says of itself, read as Steeple's options: the script tag first, then `init`.
import { readOptions } from '../options.js';

const FILE = 'OneSignalSDKWorker.js';

/** Ours only where it looks so: `init` usually brings OneSignal's own id, a UUID. */
const ourApp = (text) => (/^app_/.test(text || '') ? text : '');

/** The app's id: `data-app`, else `?app=` in the script's address, else an `appId` of `init` that is one of ours. */
function appOf(given, tag, init) {
  return given || new URL(tag.src).searchParams.get('app') || ourApp(init.appId);
}

/** Their worker file: where it is and what it covers, by OneSignal's own defaults. */
function workerOf(init, location) {
  const file = new URL((init.path || '/') + (init.serviceWorkerPath || FILE), location.origin);
  const { scope = init.path || '/' } = init.serviceWorkerParam || {};
  return { worker: file.href, scope: new URL(scope, location.origin).href };
}

/**
 * @param {HTMLScriptElement} tag our script, at the place of theirs
 * @param {object} init what the page gives `OneSignal.init`
 * @returns {object} the options of the page script
 */
export function optionsOf(tag, location, init) {
  const read = readOptions(tag, location);
  return {
    ...read,
    ...(read.data.worker ? {} : workerOf(init, location)),
    app: appOf(read.app, tag, init),
    needsConsent: read.needsConsent || Boolean(init.requiresUserPrivacyConsent),
  };
}
