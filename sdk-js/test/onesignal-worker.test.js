// The worker in the place of OneSignal's: while a shop moves, both senders' messages are shown.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stepIn } from '../src/onesignal/worker.js';
import { translate } from '../src/onesignal/translate.js';
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

test('in their file ours takes over at once; in a worker of the shop\'s own it waits its turn', async () => {
  const theirs = awake();
  await theirs.play('install');
  assert.equal(theirs.skipped, 1);
  const shops = awake('https://shop.example/sw.js');
  await shops.play('install');
  assert.equal(shops.skipped, 0);
});
