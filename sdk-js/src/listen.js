// Attaches the worker's listeners. All of them are there after the first evaluation, as the Service Workers standard
// demands, and there is no fetch listener: the shop's pages never wait for us.
import { onClick, onClose } from './click.js';
import { createDesk } from './desk.js';
import { onPush } from './display.js';
import { onAddressChange } from './rollover.js';
import { VERSION } from './version.js';

const MARK = Symbol.for('steeple');
const HURRY = 'steeple:flush'; // what a page says that wants kept receipts to be sent, see visit.js

/**
 * Listens on a ServiceWorkerGlobalScope, once. `translate` makes our payload's text of another sender's; `tell` hears,
 * as in onesignal/tell.js, what is shown and clicked.
 */
export function listen(scope, { translate = (text) => text, tell = () => {} } = {}) {
  if (scope[MARK]) return;
  scope[MARK] = VERSION;
  const desk = { ...createDesk(scope), translate, tell };
  const handle = (name, handler) => scope.addEventListener(name, (event) => event.waitUntil(handler(desk, event)));
  handle('push', onPush);
  handle('notificationclick', onClick);
  handle('notificationclose', onClose);
  handle('pushsubscriptionchange', onAddressChange);
  handle('message', ({ hurry }, { data }) => data === HURRY && hurry());
  handle('install', desk.takeOver);
  handle('activate', desk.noteVersion);
}

export const isWorker = () => typeof ServiceWorkerGlobalScope !== 'undefined' && self instanceof ServiceWorkerGlobalScope;
