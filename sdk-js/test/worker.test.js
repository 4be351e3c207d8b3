// The worker as a browser plays it: events in, notifications, tabs and receipts out.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listen } from '../src/listen.js';
import { DeniedIndexedDB, ThrowingIndexedDB } from './fakes/indexeddb.js';
import { KEY, OTHER_KEY } from './fakes/gateway.js';
import { agents, fakeWorkerScope, message } from './fakes/worker-scope.js';
import { noteSeen, SEEN_MAX } from '../src/seen.js';
import { openStore } from '../src/store.js';

function awake(overrides) {
  const scope = fakeWorkerScope(overrides);
  listen(scope);
  return scope;
}

const safari = () => awake({ navigator: { userAgent: agents.safari, language: 'nl' } });
const kinds = (scope) => scope.gateway.receipts.map((one) => one.kind);
const remember = (scope, key, value) => openStore(scope).set(key, value);

test('the listeners stand after the first evaluation, once, and none of them is fetch', () => {
  const scope = awake();
  listen(scope);
  assert.deepEqual(Object.keys(scope.listeners).sort(),
    ['activate', 'install', 'message', 'notificationclick', 'notificationclose', 'push', 'pushsubscriptionchange']);
  assert.ok(Object.values(scope.listeners).every((list) => list.length === 1));
});

test('a push is shown, then reported', async () => {
  const scope = awake();
  await scope.push(message());
  assert.deepEqual(scope.registration.shown.map((one) => one.title), ['Sale']);
  assert.deepEqual(scope.gateway.receipts.map(({ token, kind }) => [token, kind]), [['token-1', 'shown']]);
  assert.equal(scope.gateway.calls[0].headers.Authorization, undefined);
});

test('nothing is fetched before the notification is on screen', async () => {
  const scope = awake();
  const order = [];
  const { fetch } = scope;
  scope.fetch = (...args) => { order.push('fetch'); return fetch(...args); };
  const show = scope.registration.showNotification.bind(scope.registration);
  scope.registration.showNotification = (...args) => { order.push('show'); return show(...args); };
  await scope.push(message());
  assert.equal(order[0], 'show');
  assert.ok(order.includes('fetch'));
});

for (const [what, payload] of [['an empty push', null], ['text that is no JSON', 'boo'], ['JSON of another kind', '[1]']]) {
  test(`${what} still shows one notification, under the shop's name`, async () => {
    const scope = awake();
    await remember(scope, 'settings', { site: 'My shop' });
    await scope.push(payload);
    assert.deepEqual(scope.registration.shown.map((one) => one.title), ['My shop']);
  });
}

test('a push whose text() throws is shown too', async () => {
  const scope = awake();
  await scope.play('push', { data: { text() { throw new Error('bad bytes'); } } });
  assert.deepEqual(scope.registration.shown.map((one) => one.title), ['shop.example']);
});

test('without storage and without a gateway the message is still on screen', async () => {
  for (const indexedDB of [new DeniedIndexedDB(), new ThrowingIndexedDB(), undefined]) {
    const scope = awake({ indexedDB });
    scope.gateway.isDown = true;
    await scope.push(message());
    assert.equal(scope.registration.shown.length, 1);
  }
});

test('an option the browser refuses costs the option, not the message', async () => {
  const scope = awake();
  scope.registration.refuses = (options) => 'icon' in options;
  await scope.push(message({ icon: '/i.png' }));
  assert.deepEqual(scope.registration.shown.map(({ title, body }) => [title, body]), [['Sale', 'Now']]);
});

test('the count on the app\'s icon is the message\'s; one that says none leaves it, and a refusal costs nothing', async () => {
  const counts = [];
  const scope = awake();
  scope.navigator.setAppBadge = async (count) => { counts.push(count); if (count === 5) throw new TypeError('not installed'); };
  await scope.push(message({ app_badge: 3 }));
  await scope.push(message({}, { m: 'msg_2', t: 'token-2' }));
  await scope.push(message({ app_badge: 5 }, { m: 'msg_3', t: 'token-3' }));
  assert.deepEqual(counts, [3, 5]);
  assert.deepEqual(kinds(scope), ['shown', 'shown', 'shown']);
});

test('a second delivery of an open message changes nothing and is not counted again', async () => {
  const scope = awake();
  await scope.push(message({ renotify: true }));
  await scope.push(message({ renotify: true }));
  assert.deepEqual([scope.registration.open.length, scope.registration.shown.length], [1, 1]);
  assert.deepEqual(kinds(scope), ['shown']);
});

test('on Safari a second delivery refreshes the open notification silently', async () => {
  const scope = safari();
  await scope.push(message({ renotify: true }));
  await scope.push(message({ renotify: true }));
  assert.equal(scope.registration.open.length, 1);
  assert.deepEqual(scope.registration.shown.map(({ silent, renotify }) => [silent, renotify]), [[undefined, true], [true, false]]);
});

test('the list of seen messages is bounded, newest last, each once', () => {
  let list;
  for (let index = 0; index < SEEN_MAX + 5; index += 1) list = noteSeen(list, `msg_${index}`);
  list = noteSeen(list, 'msg_7');
  assert.equal(list.length, SEEN_MAX);
  assert.deepEqual([list[0], list.at(-1), list.filter((one) => one === 'msg_7').length], ['msg_5', 'msg_7', 1]);
});

test('a second delivery of a closed message stays closed', async () => {
  const scope = awake();
  await scope.push(message());
  scope.registration.open[0].close();
  await scope.push(message());
  assert.equal(scope.registration.shown.length, 1);
});

test('on Safari a second delivery of a closed message is shown: a silent push would cost the subscription', async () => {
  const scope = safari();
  await scope.push(message());
  scope.registration.open[0].close();
  await scope.push(message());
  assert.equal(scope.registration.shown.length, 2);
});

test('a closed message is not mistaken for another one that uses its tag', async () => {
  const scope = awake();
  await scope.push(message({ tag: 'order' }));
  await scope.push(message({ tag: 'order', title: 'Second' }, { m: 'msg_2' }));
  await scope.push(message({ tag: 'order' }));
  assert.deepEqual(scope.registration.open.map((one) => one.title), ['Second']);
});

test('Safari gets no shown receipt, and nothing at all is fetched', async () => {
  const scope = safari();
  await scope.push(message());
  assert.deepEqual(scope.gateway.names(), []);
});

test('the shop can switch receipts off, and the gateway single kinds', async () => {
  const off = awake();
  await remember(off, 'settings', { receipts: false });
  await off.push(message());
  assert.deepEqual(kinds(off), []);
  const some = awake();
  some.gateway.config.receipts = ['clicked'];
  await some.push(message()); // learns the settings
  await some.push(message({}, { m: 'msg_2', t: 'token-2' }));
  await some.click(some.registration.open[0]);
  assert.deepEqual(kinds(some), ['shown', 'clicked']);
});

test('a click opens the message\'s page and is reported', async () => {
  const scope = awake();
  await scope.push(message());
  await scope.click(scope.registration.open[0]);
  assert.deepEqual(scope.clients.opened, ['https://shop.example/sale']);
  assert.deepEqual(kinds(scope), ['shown', 'clicked']);
  assert.equal(scope.registration.open.length, 0);
});

test('a button opens its own page and says which button', async () => {
  const scope = awake();
  await scope.push(message({ actions: [{ action: 'buy', title: 'Buy', navigate: '/cart' }] }));
  await scope.click(scope.registration.open[0], 'buy');
  assert.deepEqual(scope.clients.opened, ['https://shop.example/cart']);
  assert.equal(scope.gateway.receipts.at(-1).action, 'buy');
});

test('a tab on exactly that page comes to the front; a tab elsewhere on the shop is left alone', async () => {
  const scope = awake();
  const other = scope.clients.addTab('https://shop.example/checkout');
  const same = scope.clients.addTab('https://shop.example/sale');
  await scope.push(message());
  await scope.click(scope.registration.open[0]);
  assert.deepEqual([other.focused, same.focused, scope.clients.opened], [0, 1, []]);
});

test('a tab that cannot be focused is replaced by a new one', async () => {
  const scope = awake();
  scope.clients.addTab('https://shop.example/sale').focus = async () => { throw new TypeError('gone'); };
  await scope.push(message());
  await scope.click(scope.registration.open[0]);
  assert.deepEqual(scope.clients.opened, ['https://shop.example/sale']);
});

for (const navigate of ['javascript:alert(1)', 'data:text/html,x', '//evil.example/', 'https://evil.example/', '/\\evil.example', 7, null]) {
  test(`a message that leads to ${JSON.stringify(navigate)} leads to the front page`, async () => {
    const scope = awake();
    await scope.push(message({ navigate }));
    await scope.click(scope.registration.open[0]);
    assert.deepEqual(scope.clients.opened, ['https://shop.example/']);
  });
}

test('the operator\'s link hosts are allowed once the settings are known', async () => {
  const scope = awake();
  scope.gateway.config.link_hosts = ['Blog.example'];
  await scope.push(message({ navigate: 'https://blog.example/post' }));
  await scope.click(scope.registration.open[0]);
  assert.deepEqual(scope.clients.opened, ['https://blog.example/post']);
});

test('a click counts also where the window is refused, or never answers; the window is asked for first', async (t) => {
  const refused = awake();
  await refused.push(message());
  refused.clients.openWindow = async () => { throw new TypeError('no'); };
  await refused.click(refused.registration.open[0]);
  assert.deepEqual(kinds(refused), ['shown', 'clicked']);

  const hanging = awake();
  await hanging.push(message());
  const order = [];
  hanging.clients.openWindow = () => { order.push('window'); return new Promise(() => {}); };
  const { fetch } = hanging;
  hanging.fetch = (...args) => { order.push('fetch'); return fetch(...args); };
  const turn = async (ms) => { await new Promise(setImmediate); t.mock.timers.tick(ms); };
  t.mock.timers.enable({ apis: ['setTimeout'] }); // the fake store takes timers of 0 ms
  const clicked = hanging.click(hanging.registration.open[0]);
  for (let turns = 0; turns < 50; turns += 1) await turn(1);
  const kept = openStore(hanging).get('receipts');
  for (let turns = 0; turns < 5; turns += 1) await turn(1);
  assert.deepEqual([(await kept).map(({ kind }) => kind), order], [['clicked'], ['window']]);
  await turn(5000);
  for (let turns = 0; turns < 20; turns += 1) await turn(1);
  await clicked;
  assert.deepEqual([order, kinds(hanging)], [['window', 'fetch'], ['shown', 'clicked']]);
});

test('a dismissal is reported as closed; the close that follows a click is not', async () => {
  const scope = awake();
  await scope.push(message());
  const [notification] = scope.registration.open;
  await scope.click(notification);
  await scope.play('notificationclose', { notification });
  assert.deepEqual(kinds(scope), ['shown', 'clicked']);
  await scope.push(message({}, { m: 'msg_2', t: 'token-2' }));
  const [second] = scope.registration.open;
  second.close();
  await scope.play('notificationclose', { notification: second });
  assert.deepEqual(kinds(scope), ['shown', 'clicked', 'shown', 'closed']);
});

test('a notification that another one replaced was not dismissed', async () => {
  const scope = awake();
  await scope.push(message({ tag: 'order' }));
  const [first] = scope.registration.open;
  await scope.push(message({ tag: 'order' }, { m: 'msg_2', t: 'token-2' }));
  await scope.play('notificationclose', { notification: first });
  assert.deepEqual(kinds(scope), ['shown', 'shown']);
});

test('notifications of the shop\'s own worker are none of our business', async () => {
  const scope = awake();
  const notification = { data: { order: 7 }, close() { throw new Error('touched'); } };
  await scope.click(notification);
  await scope.play('notificationclose', { notification });
  assert.deepEqual([scope.clients.opened, scope.gateway.names()], [[], []]);
});

test('a receipt that could not be sent goes with the next event', async () => {
  const scope = awake();
  scope.gateway.isDown = true;
  await scope.push(message());
  scope.gateway.isDown = false;
  await scope.click(scope.registration.open[0]);
  assert.deepEqual(kinds(scope), ['shown', 'clicked']);
});

test('what could not be sent goes when a page of the shop asks for it, and only then', async () => {
  const scope = awake();
  scope.gateway.isDown = true;
  await scope.push(message());
  await scope.click(scope.registration.open[0]);
  scope.gateway.isDown = false;
  await scope.play('message', { data: { of: 'the shop' } });
  assert.deepEqual(kinds(scope), []);
  await scope.play('message', { data: 'steeple:flush' });
  assert.deepEqual(kinds(scope), ['shown', 'clicked']);
  assert.deepEqual(await openStore(scope).get('receipts'), []);
});

test('after a message to many the receipt waits for its moment, kept, and holds no other push back', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  t.mock.method(Math, 'random', () => 0.5);
  const scope = awake();
  let isOver = false;
  scope.push(message({}, { d: 20 })).then(() => { isOver = true; });
  const soon = async () => {
    for (let turn = 0; turn < 50; turn += 1) {
      t.mock.timers.tick(0);
      await new Promise((resolve) => { setImmediate(resolve); });
    }
    const kept = scope.indexedDB.tables.get('steeple').get('receipts') || [];
    return [scope.gateway.names(), kept.map((one) => one.kind), isOver];
  };
  assert.deepEqual(await soon(), [[], ['shown'], true]);
  t.mock.timers.tick(9_999);
  assert.deepEqual(await soon(), [[], ['shown'], true]);
  t.mock.timers.tick(1);
  assert.deepEqual(await soon(), [['POST /v1/receipts', 'GET /v1/sdk/config'], [], true]);
});

test('a declarative push that the browser has read itself is shown as it proposes (WebKit)', async () => {
  const scope = safari();
  const proposed = { ...message({ tag: 'order' }).notification };
  await scope.play('push', { data: null, notification: proposed });
  assert.deepEqual(scope.registration.shown.map(({ title, body, tag }) => [title, body, tag]), [['Sale', 'Now', 'order']]);
  await scope.click(scope.registration.open[0]);
  assert.deepEqual(scope.clients.opened, ['https://shop.example/sale']);
});

test('killed: the message that woke us is shown, then the worker takes itself away', async () => {
  const scope = awake();
  await scope.registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: new Uint8Array(3) });
  scope.gateway.config = { app: 'app_1', killed: true };
  await scope.push(message());
  assert.equal(scope.registration.shown.length, 1);
  assert.equal(scope.registration.isGone, true);
  assert.equal(await scope.registration.pushManager.getSubscription(), null);
});

test('killed inside a shop\'s own worker: only the subscription ends, the shop\'s worker stays', async () => {
  const scope = awake({ address: 'https://shop.example/sw.js' });
  await remember(scope, 'settings', { app: 'app_1', gateway: 'https://push.shop.example' });
  await scope.registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: new Uint8Array(3) });
  scope.gateway.config.killed = true;
  await scope.push(message());
  assert.equal(scope.registration.isGone, false);
  assert.equal(await scope.registration.pushManager.getSubscription(), null);
});

test('a worker of our own takes over at once, one inside a shop\'s worker leaves that to the shop', async () => {
  const own = awake();
  await own.play('install');
  const imported = awake({ address: 'https://shop.example/sw.js' });
  await imported.play('install');
  assert.deepEqual([own.skipped, imported.skipped], [1, 0]);
});

const enrolled = async (scope) => {
  scope.gateway.devices.set('sub_1', { id: 'sub_1', secret: 's1', endpoint: 'https://push.example/old', topics: ['sale'] });
  await remember(scope, 'device', { app: 'app_1', id: 'sub_1', secret: 's1', endpoint: 'https://push.example/old', topics: ['sale'] });
};

test('a new address from the push service keeps the subscriber', async () => {
  const scope = awake();
  await enrolled(scope);
  const newSubscription = scope.registration.pushManager.subscription('https://push.example/new', KEY);
  await scope.play('pushsubscriptionchange', { oldSubscription: {}, newSubscription });
  assert.equal(scope.gateway.devices.get('sub_1').endpoint, 'https://push.example/new');
  assert.equal((await openStore(scope).get('device')).endpoint, 'https://push.example/new');
});

test('without a new address the worker subscribes again, with the key of today', async () => {
  const scope = awake();
  await enrolled(scope);
  await scope.push(message()); // the settings of this minute are known, with the old key
  scope.gateway.config.channels.webpush = { vapid_public_key: OTHER_KEY, vapid_key_id: 'key_2' };
  await scope.play('pushsubscriptionchange', { oldSubscription: null, newSubscription: null });
  const device = scope.gateway.devices.get('sub_1');
  assert.deepEqual([device.endpoint, device.vapid_key_id], ['https://push.example/1', 'key_2']);
});

test('a subscriber the gateway forgot is enrolled afresh, with the old topics', async () => {
  const scope = awake();
  await remember(scope, 'choice', { topics: ['sale'] });
  await remember(scope, 'device', { app: 'app_1', id: 'sub_gone', secret: 'x', endpoint: 'https://push.example/old', topics: ['sale'] });
  await scope.play('pushsubscriptionchange', {});
  assert.deepEqual(scope.gateway.only().topics, ['sale']);
  assert.equal((await openStore(scope).get('device')).id, scope.gateway.only().id);
});

test('who left is not brought back by a changed address', async () => {
  const scope = awake();
  await remember(scope, 'choice', { opted_out: true });
  await scope.play('pushsubscriptionchange', {});
  assert.deepEqual([scope.registration.pushManager.made, scope.gateway.names()], [0, []]);
});

test('a push service that fails during the change leaves it to the next visit', async () => {
  const scope = awake();
  await enrolled(scope);
  scope.registration.pushManager.fault = 'AbortError';
  await scope.play('pushsubscriptionchange', {});
  assert.equal(scope.gateway.devices.get('sub_1').endpoint, 'https://push.example/old');
});
