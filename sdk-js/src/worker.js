// The service worker's entry, for a file of its own or inside a shop's worker:
//   importScripts("https://push.shop.example/sdk/v1/worker.js")
import { isWorker, listen } from './listen.js';

if (isWorker()) listen(self);
