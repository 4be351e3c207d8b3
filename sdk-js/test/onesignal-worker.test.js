// The worker in the place of OneSignal's: while a shop moves, both senders' messages are shown.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stepIn } from '../src/onesignal/worker.js';
import { translate } from '../src/onesignal/translate.js';
import { openStore } from '../src/store.js';
import { fakeWorkerScope, message } from './fakes/worker-scope.js';

const THEIRS = 'https://shop.example/OneSignalSDKWorker.js?appId=3f8a9c1e-0000-4000-8000-000000000000';
const said = {
  title: 'Sale', alert: 'Half price', icon: '/icon.png', custom: { i: 'n-1', u: 'https://shop.example/sale', a: { any: 1 } },
  o: [{ i: 'buy', n: 'Buy', u: 'https://shop.example/cart' }],
};

function awake(address = THEIRS) {
  const scope = fakeWorkerScope({ address });
  stepIn(scope);
  return scope;
}

test('what OneSignal still sends is shown as it says, and a click goes where it says', async () => {
  const scope = awake();
  await scope.push(said);
  const [shown] = scope.registration.shown;
  assert.deepEqual([shown.title, shown.body, shown.icon, shown.tag], ['Sale', 'Half price', '/icon.png', 'n-1']);
  assert.deepEqual(shown.actions.map((one) => [one.action, one.title]), [['buy', 'Buy']]);
  await scope.click(shown);
  await scope.click(shown, 'buy');
  assert.deepEqual(scope.clients.opened, ['https://shop.example/sale', 'https://shop.example/cart']);
  assert.deepEqual(scope.gateway.calls, []); // it is not ours to count
});

test('two of its messages without a topic do not take each other\'s place', async () => {
  const scope = awake();
  await scope.push(said);
  await scope.push({ ...said, custom: { i: 'n-2' } });
  assert.deepEqual(scope.registration.open.map((one) => one.tag), ['n-1', 'n-2']);
});

test('a link to a stranger\'s site opens the shop\'s front page instead', async () => {
  const scope = awake();
  await scope.push({ ...said, custom: { i: 'n-1', u: 'https://evil.example/' } });
  await scope.click(scope.registration.shown[0]);
  assert.deepEqual(scope.clients.opened, ['https://shop.example/']);
});

test('our own messages, and what is nobody\'s, pass as they are', async () => {
  const scope = awake();
  await scope.push(message());
  await scope.push('not JSON at all');
  await scope.push(null);
  assert.deepEqual(scope.registration.shown.map((one) => one.title), ['Sale', 'shop.example', 'shop.example']);
  for (const text of [null, '', '7', 'null', '{"custom":7}', '{"custom":{"i":7}}', '{"custom":{"i":""}}']) assert.equal(translate(text), text);
  assert.equal(JSON.parse(translate('{"custom":{"i":"n"},"o":"x"}')).notification.tag, 'n');
});

/** A tab of the shop; `told` is what the worker says to it. */
const tab = (scope, url, visibilityState = 'visible') => Object.assign(scope.clients.addTab(url), {
  visibilityState, told: [], postMessage(data) { this.told.push(data); },
});
const shopsOwn = message({ body: 'Now', icon: '/i.png', actions: [{ action: 'buy', title: 'Buy', navigate: 'https://shop.example/cart' }], data: { sku: 7 } });

test('pages that are looked at hear of what is shown, in OneSignal\'s words, each message once', async () => {
  const scope = awake();
  const [front, back] = [tab(scope, 'https://shop.example/a'), tab(scope, 'https://shop.example/b', 'hidden')];
  await scope.push(shopsOwn);
  await scope.push(shopsOwn);
  await new Promise(setImmediate);
  assert.deepEqual([front.told.length, back.told], [1, []]);
  assert.deepEqual(JSON.parse(JSON.stringify(front.told[0])), {
    steeple: 'display',
    scope: scope.registration.scope,
    notification: {
      notificationId: 'msg_1', title: 'Sale', body: 'Now', icon: '/i.png', topic: 'msg_1', launchURL: 'https://shop.example/sale',
      additionalData: { sku: 7 },
      actionButtons: [{ actionId: 'buy', text: 'Buy', launchURL: 'https://shop.example/cart' }],
    },
  });
});

test('a click is told to the tab that it brings to the front, and kept for the page that it opens', async () => {
  const scope = awake();
  const [there, elsewhere] = [tab(scope, 'https://shop.example/cart'), tab(scope, 'https://shop.example/a', 'hidden')];
  await scope.push(shopsOwn);
  await scope.click(scope.registration.open[0], 'buy');
  await new Promise(setImmediate);
  const [, said] = there.told;
  assert.deepEqual([said.steeple, said.notification.notificationId, said.result], ['click', 'msg_1', { actionId: 'buy', url: 'https://shop.example/cart' }]);
  assert.deepEqual([elsewhere.told, scope.clients.opened], [[], []]);
  const kept = await openStore(scope).get('clicked');
  assert.deepEqual([kept.result, Math.abs(Date.now() - kept.at_ms) < 5000], [said.result, true]);
});

test('what pages are told changes nothing of what is shown, where it cannot be told', async () => {
  const scope = awake();
  scope.clients.matchAll = async () => { throw new TypeError('no'); };
  await scope.push(shopsOwn);
  assert.equal(scope.registration.shown.length, 1);
});

test('in their file ours takes over at once; in a worker of the shop\'s own it waits its turn', async () => {
  const theirs = awake();
  await theirs.play('install');
  assert.equal(theirs.skipped, 1);
  const shops = awake('https://shop.example/sw.js');
  await shops.play('install');
  assert.equal(shops.skipped, 0);
});
