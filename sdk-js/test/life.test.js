// The life of a subscription in any browser that follows the standards; Apple's own rules are in apple.test.js.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boot } from '../src/loader.js';
import { drawerOf, openStore } from '../src/store.js';
import { listen } from '../src/listen.js';
import { FakeGateway, KEY, OTHER_KEY } from './fakes/gateway.js';
import { DeniedIndexedDB } from './fakes/indexeddb.js';
import { anHourLater, pushOf, requests, revisit, storeOf, visit } from './fakes/visit.js';
import { fakeNotification, fakeWindow } from './fakes/window.js';
import { fakeWorkerScope, message } from './fakes/worker-scope.js';

const NEW_KEY = { vapid_public_key: OTHER_KEY, vapid_key_id: 'key_2' };

/** The person takes the permission back in the browser's settings, which ends the subscription. */
async function block(visited, permission = 'denied') {
  visited.host.Notification.permission = permission;
  pushOf(visited.host).held = null;
  return revisit(visited);
}

test('who blocks the shop and allows it again is back at the next visit, with the old words and topics', async () => {
  const first = await visit();
  await first.steeple.subscribe({ topics: ['sale'], consentText: 'Yes, tell me' });
  const blocked = await block(first);
  assert.deepEqual([blocked.ready.subscribed, blocked.gateway.devices.size], [false, 0]);
  blocked.host.Notification.permission = 'granted';
  const back = await revisit(blocked);
  assert.deepEqual([back.ready.subscribed, back.host.Notification.asked], [true, 1]);
  assert.deepEqual([back.gateway.only().topics, back.gateway.only().consent.text], [['sale'], 'Yes, tell me']);
});

test('a permission that was reset, and given to somebody else\'s question, does not bring anybody back', async () => {
  const first = await visit();
  await first.steeple.subscribe();
  const reset = await block(first, 'default');
  reset.host.Notification.permission = 'granted';
  const back = await revisit(reset);
  assert.deepEqual([back.ready.subscribed, back.gateway.devices.size], [false, 0]);
});

test('who left, blocked the shop and allows it again has left', async () => {
  const first = await visit();
  await first.steeple.subscribe();
  await first.steeple.unsubscribe();
  const blocked = await block(first);
  blocked.host.Notification.permission = 'granted';
  assert.equal((await revisit(blocked)).ready.subscribed, false);
});

test('a browser that does not tell which key it holds moves to a new one by what the gateway was told', async () => {
  const first = await visit();
  pushOf(first.host).comparesKeys = false;
  pushOf(first.host).tellsKey = false;
  await first.steeple.subscribe();
  await anHourLater(first);
  const calm = await revisit(first);
  assert.equal(calm.gateway.only().endpoint, 'https://push.example/1', 'nothing moves without a new key');
  first.gateway.config.channels.webpush = NEW_KEY;
  await anHourLater(first);
  const moved = await revisit(first);
  assert.deepEqual([moved.gateway.only().endpoint, moved.gateway.only().vapid_key_id], ['https://push.example/2', 'key_2']);
  await anHourLater(first);
  assert.equal((await revisit(first)).gateway.only().endpoint, 'https://push.example/2', 'and it moves once');
});

test('two tabs in which the person says yes at once make one device', async () => {
  const first = await visit();
  const second = await revisit(first);
  const [one, other] = await Promise.all([first.steeple.subscribe({ topics: ['sale'] }), second.steeple.subscribe()]);
  assert.deepEqual([one.ok, other.ok, one.id, first.gateway.devices.size, pushOf(first.host).made], [true, true, other.id, 1, 1]);
});

test('a tab that stayed open does not undo what another tab did', async () => {
  const first = await visit();
  await first.steeple.subscribe();
  const second = await revisit(first);
  await second.steeple.unsubscribe();
  const late = await first.steeple.topics.add('sale');
  assert.deepEqual([late.ok, late.reason, late.subscribed, first.gateway.devices.size], [false, 'not_subscribed', false, 0]);
});

test('two apps on one origin, each with a folder of its own, do not know of each other', async () => {
  const here = { attributes: { app: 'app_1' } };
  const there = { attributes: { app: 'app_2', worker: '/outlet/push/worker.js' } };
  const shop = await visit(here);
  await shop.steeple.subscribe({ topics: ['sale'] });
  const gateway = new FakeGateway();
  gateway.config.app = 'app_2';
  const outlet = await revisit(shop, { ...there, gateway });
  assert.equal(outlet.ready.subscribed, false);
  await outlet.steeple.subscribe();
  assert.equal((await revisit(shop, here)).ready.id, shop.gateway.only().id);
  await outlet.steeple.unsubscribe();
  const back = await revisit(shop, here);
  assert.deepEqual([back.ready.subscribed, back.ready.topics], [true, ['sale']]);
  assert.deepEqual(requests(back.gateway, 0), ['POST /v1/subscriptions'], 'and nothing had to be mended');
});

test('each scope has a drawer of its own; the usual one has the plain name', () => {
  assert.equal(drawerOf('https://shop.example/steeple/'), 'steeple');
  assert.equal(drawerOf('https://shop.example/'), 'steeple /');
  assert.equal(drawerOf('https://shop.example/outlet/push/'), 'steeple /outlet/push/');
});

test('a shop\'s own worker that imports ours finds what the page stored, and follows a new address', async () => {
  const page = await visit({ attributes: { worker: '/sw.js', scope: '/' } });
  await page.steeple.subscribe();
  const registration = page.host.navigator.serviceWorker.registrations[0];
  const scope = fakeWorkerScope({
    address: 'https://shop.example/sw.js', indexedDB: page.host.indexedDB, gateway: page.gateway, registration,
  });
  listen(scope);
  await scope.push(message());
  assert.deepEqual(page.gateway.receipts.map((one) => one.kind), ['shown']);
  await scope.play('pushsubscriptionchange', { newSubscription: registration.pushManager.subscription('https://push.example/9', KEY) });
  assert.equal(page.gateway.only().endpoint, 'https://push.example/9');
});

test('a worker that is told of an address after the person allowed the shop again brings them back; a stranger\'s, not', async () => {
  for (const [choice, devices] of [[{ topics: ['sale'], blocked: true }, 1], [{}, 0]]) {
    const scope = fakeWorkerScope();
    listen(scope);
    await openStore(scope).set('choice', choice);
    const newSubscription = scope.registration.pushManager.subscription('https://push.example/again', KEY);
    await scope.play('pushsubscriptionchange', { newSubscription });
    assert.equal(scope.gateway.devices.size, devices);
  }
});

test('an address that the browser renewed with the old key is made anew with today\'s', async () => {
  const page = await visit();
  await page.steeple.subscribe();
  const [registration] = page.host.navigator.serviceWorker.registrations;
  const scope = fakeWorkerScope({ indexedDB: page.host.indexedDB, gateway: page.gateway, registration });
  listen(scope);
  page.gateway.config.channels.webpush = NEW_KEY;
  registration.pushManager.held = registration.pushManager.subscription('https://push.example/renewed', KEY);
  await scope.play('pushsubscriptionchange', { newSubscription: registration.pushManager.held });
  assert.deepEqual([page.gateway.only().endpoint, page.gateway.only().vapid_key_id], ['https://push.example/2', 'key_2']);
});

for (const [what, year] of [['years behind', 2001], ['years ahead', 2091]]) {
  test(`a clock that is ${what}: enrolled, left in peace, and still in step once it is right`, async (t) => {
    const right_ms = Date.now();
    t.mock.timers.enable({ apis: ['Date'], now: Date.UTC(year, 1, 1) });
    const first = await visit();
    assert.equal((await first.steeple.subscribe({ consentText: 'Yes' })).ok, true);
    const before = first.gateway.calls.length;
    await revisit(first);
    assert.equal(first.gateway.calls.length, before, 'a second view costs nothing, as with a right clock');
    t.mock.timers.setTime(right_ms);
    const back = await revisit(first);
    assert.equal(back.ready.subscribed, true);
    const settled = back.gateway.calls.length;
    await revisit(first);
    assert.equal(back.gateway.calls.length, settled);
    assert.equal(back.gateway.devices.size, 1);
  });
}

test('a subscriber without a network is still one, hears why, and is not asked anything', async () => {
  const first = await visit();
  await first.steeple.subscribe();
  await storeOf(first.host).update('device', (device) => ({ ...device, seen_at_ms: 0 }));
  await anHourLater(first);
  first.gateway.isDown = true;
  const { ready, host } = await revisit(first);
  assert.deepEqual([ready.ok, ready.reason, ready.subscribed, host.Notification.asked], [false, 'offline', true, 1]);
});

test('where storage is refused the person is enrolled all the same, and once', async () => {
  const denied = { indexedDB: new DeniedIndexedDB() };
  const first = await visit(denied);
  assert.equal((await first.steeple.subscribe()).ok, true);
  const second = await revisit(first, denied);
  assert.deepEqual([second.ready.subscribed, second.gateway.devices.size], [true, 1]);
});

test('a private window that has permission but no push service is told so', async () => {
  const first = await visit({ Notification: fakeNotification('granted') });
  pushOf(first.host).fault = 'NotAllowedError';
  const result = await first.steeple.subscribe();
  assert.deepEqual([result.ok, result.reason, first.gateway.devices.size], [false, 'denied', 0]);
});

test('two tags of two apps in one page: the first is the page\'s, the other changes nothing', async () => {
  const host = fakeWindow();
  boot(host);
  const first = host.Steeple;
  host.document.currentScript.dataset.app = 'app_2';
  boot(host);
  await new Promise((resolve) => { first.on('ready', resolve); });
  assert.equal(host.Steeple, first);
  assert.equal((await openStore(host).get('settings')).app, 'app_1');
});

test('a visit has the worker send what a dead network kept back, and says nothing where nothing waits', async () => {
  const first = await visit();
  await first.steeple.subscribe();
  const worker = fakeWorkerScope({ indexedDB: first.host.indexedDB, gateway: first.gateway });
  listen(worker);
  await worker.push(message());
  first.gateway.isDown = true;
  await worker.click(worker.registration.open[0]);
  first.gateway.isDown = false;
  const [registration] = first.host.navigator.serviceWorker.registrations;
  assert.deepEqual(registration.told, []);

  await revisit(first);

  assert.deepEqual(registration.told, ['steeple:flush']);
  await worker.play('message', { data: registration.told[0] });
  assert.deepEqual(first.gateway.receipts.map(({ kind }) => kind), ['shown', 'clicked']);
  await revisit(first);
  assert.equal(registration.told.length, 1);
});
