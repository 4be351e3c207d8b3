// The worker in OneSignal's place, the one line of the shop's OneSignalSDKWorker.js:
//   importScripts("https://push.shop.example/sdk/v1/onesignal-worker.js")
import { isWorker, listen } from '../listen.js';
import { tell } from './tell.js';
import { translate } from './translate.js';

const THEIRS = /\/OneSignalSDK(Updater)?Worker\.js$/;

/** In a file that was OneSignal's alone nobody else has a say: ours takes over without waiting for tabs to close. */
export function stepIn(scope) {
  listen(scope, { tell, translate });
  if (!THEIRS.test(scope.location.pathname)) return;
  scope.addEventListener('install', (event) => event.waitUntil(scope.skipWaiting()));
}

if (isWorker()) stepIn(self);
