// The service worker's entry, for a file of its own or inside a shop's worker:
//   importScripts("https://push.shop.example/sdk/v1/worker.js")
// All listeners are there after the first evaluation, as the Service Workers standard demands, and there is no
// fetch listener: the shop's pages never wait for us.
import { onClick, onClose } from './click.js';
import { createDesk } from './desk.js';
import { onPush } from './display.js';
import { onAddressChange } from './rollover.js';
import { VERSION } from './version.js';

const MARK = Symbol.for('steeple');

/** Attaches the listeners to a ServiceWorkerGlobalScope, once. */
export function listen(scope) {
  if (scope[MARK]) return;
  scope[MARK] = VERSION;
  const desk = createDesk(scope);
  const handle = (name, handler) => scope.addEventListener(name, (event) => event.waitUntil(handler(desk, event)));
  handle('push', onPush);
  handle('notificationclick', onClick);
  handle('notificationclose', onClose);
  handle('pushsubscriptionchange', onAddressChange);
  handle('install', desk.takeOver);
  handle('activate', desk.noteVersion);
}

if (typeof ServiceWorkerGlobalScope !== 'undefined' && self instanceof ServiceWorkerGlobalScope) listen(self);
