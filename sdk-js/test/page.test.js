// The page script as a shop meets it: calls in, the gateway's view and events out.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boot } from '../src/loader.js';
import { FakeGateway, KEY, OTHER_KEY } from './fakes/gateway.js';
import { FakeRegistration } from './fakes/push.js';
import { anHourLater, pushOf, requests, revisit, storeOf, visit } from './fakes/visit.js';
import { fakeNotification, fakeWindow } from './fakes/window.js';

test('a stranger costs one request for the settings, and the worker stands ready', async () => {
  const { host, gateway, ready } = await visit();
  assert.deepEqual(gateway.names(), ['GET /v1/sdk/config']);
  assert.deepEqual(host.navigator.serviceWorker.registered,
    ['https://shop.example/steeple/worker.js?gateway=https%3A%2F%2Fpush.shop.example&app=app_1']);
  assert.equal(host.Notification.asked, 0);
  assert.deepEqual([ready.supported, ready.permission, ready.subscribed, ready.reason], [true, 'default', false, null]);
});

test('a second page view within the hour costs no request at all', async () => {
  const first = await visit();
  const { gateway } = await revisit(first);
  assert.equal(gateway.calls.length, 1);
});

test('subscribe asks in the click\'s own turn, before anything is awaited', () => {
  const host = fakeWindow();
  boot(host);
  host.Steeple.subscribe();
  assert.equal(host.Notification.asked, 1);
});

test('subscribe enrols the browser with topics and the proof of consent', async () => {
  const { steeple, gateway, events } = await visit();
  const result = await steeple.subscribe({ topics: ['sale', 'sale', 7, 'news'], consentText: 'Yes, tell me' });
  assert.deepEqual([result.ok, result.subscribed, result.id, result.topics], [true, true, 'sub_1', ['sale', 'news']]);
  assert.deepEqual(events, ['subscribed']);
  const { consent, ...device } = gateway.only();
  assert.deepEqual([consent.text, consent.page], ['Yes, tell me', 'https://shop.example/cart']);
  assert.ok(Math.abs(Date.parse(consent.at) - Date.now()) < 5000);
  assert.deepEqual([device.app, device.channel, device.endpoint, device.vapid_key_id, device.language, device.platform],
    ['app_1', 'webpush', 'https://push.example/1', 'key_1', 'nl', undefined]);
  assert.deepEqual(Object.keys(device.keys), ['p256dh', 'auth']);
});

test('no cookie travels, and enrolling needs no preflight', async () => {
  const { steeple, gateway } = await visit();
  await steeple.subscribe();
  const post = gateway.calls.find((one) => one.name === 'POST /v1/subscriptions');
  assert.deepEqual(post.headers, { 'Content-Type': 'text/plain;charset=UTF-8' });
  assert.ok(gateway.calls.every((one) => one.credentials === 'omit'));
  assert.ok(gateway.calls.every((one) => one.cache === 'no-cache'));
});

test('subscribing before the settings have arrived works too', async () => {
  const host = fakeWindow();
  boot(host);
  const result = await host.Steeple.subscribe({ topics: ['sale'] });
  assert.deepEqual([result.ok, result.topics], [true, ['sale']]);
});

test('denied and dismissed are told apart', async () => {
  const denied = await visit({ Notification: fakeNotification('default', 'denied') });
  const first = await denied.steeple.subscribe();
  assert.deepEqual([first.ok, first.reason, denied.events], [false, 'denied', ['denied']]);
  const dismissed = await visit({ Notification: fakeNotification('default', 'default') });
  const second = await dismissed.steeple.subscribe();
  assert.deepEqual([second.ok, second.reason, dismissed.events], [false, 'dismissed', []]);
});

test('a push service that never answers ends in "timeout" after 30 seconds', async (t) => {
  const { host, steeple } = await visit();
  pushOf(host).hangs = true;
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const pending = steeple.subscribe();
  let result = null;
  pending.then((done) => { result = done; });
  for (let second = 0; second < 40 && !result; second += 1) {
    await new Promise((resolve) => { setImmediate(resolve); });
    t.mock.timers.tick(1000);
  }
  assert.deepEqual([result.ok, result.reason], [false, 'timeout']);
});

test('a push service that refuses is reported', async () => {
  const { host, steeple, events } = await visit();
  pushOf(host).fault = 'AbortError';
  const result = await steeple.subscribe();
  assert.deepEqual([result.ok, result.reason, events], [false, 'push_service', ['error']]);
});

test('an opt-in while the gateway is away is finished by the next visit, in the words of the first', async () => {
  const first = await visit();
  first.gateway.isDown = true;
  const result = await first.steeple.subscribe({ topics: ['sale'], consentText: 'Yes' });
  assert.deepEqual([result.ok, result.reason], [false, 'offline']);
  first.gateway.isDown = false;
  const second = await revisit(first);
  assert.equal(second.ready.subscribed, true);
  assert.deepEqual([second.gateway.only().topics, second.gateway.only().consent.text], [['sale'], 'Yes']);
});

test('unsubscribe leaves nothing behind, and no later visit undoes it', async () => {
  const first = await visit();
  await first.steeple.subscribe();
  const result = await first.steeple.unsubscribe();
  assert.deepEqual([result.ok, result.subscribed, result.id], [true, false, null]);
  assert.equal(first.gateway.devices.size, 0);
  assert.equal(await pushOf(first.host).getSubscription(), null);
  const before = first.gateway.calls.length;
  const second = await revisit(first);
  assert.deepEqual(requests(second.gateway, before), []);
  assert.equal(second.ready.subscribed, false);
});

test('unsubscribe while the gateway is away counts at once and is told later', async () => {
  const first = await visit();
  await first.steeple.subscribe();
  first.gateway.isDown = true;
  const result = await first.steeple.unsubscribe();
  assert.deepEqual([result.ok, result.subscribed], [true, false]);
  assert.equal(first.gateway.devices.size, 1);
  first.gateway.isDown = false;
  await revisit(first);
  assert.equal(first.gateway.devices.size, 0);
});

test('subscribing again after leaving is a new enrolment', async () => {
  const { steeple, gateway } = await visit();
  await steeple.subscribe();
  await steeple.unsubscribe();
  const again = await steeple.subscribe();
  assert.deepEqual([again.ok, again.id, gateway.devices.size], [true, 'sub_2', 1]);
});

test('topics are added and removed one after another, none is lost', async () => {
  const { steeple, gateway } = await visit();
  await steeple.subscribe({ topics: ['sale'] });
  const [, last] = await Promise.all([steeple.topics.add('news'), steeple.topics.add(['wine', 'news'])]);
  assert.deepEqual(last.topics, ['sale', 'news', 'wine']);
  const removed = await steeple.topics.remove('sale', 'never-had');
  assert.deepEqual(removed.topics, ['news', 'wine']);
  assert.deepEqual(gateway.only().topics, ['news', 'wine']);
});

test('topics.list shows what the shop offers and what this browser has', async () => {
  const { steeple } = await visit();
  await steeple.subscribe({ topics: ['news'] });
  assert.deepEqual(await steeple.topics.list(),
    [{ slug: 'sale', name: 'Sale', subscribed: false }, { slug: 'news', name: 'News', subscribed: true }]);
});

test('topics and tags of a stranger are not_subscribed, without a request', async () => {
  const { steeple, gateway, events } = await visit();
  const results = [await steeple.topics.add('sale'), await steeple.tags.set({ plan: 'gold' })];
  assert.deepEqual(results.map((one) => one.reason), ['not_subscribed', 'not_subscribed']);
  assert.deepEqual([gateway.calls.length, events], [1, []]);
});

test('tags are set, and only an object is', async () => {
  const { steeple, gateway } = await visit();
  await steeple.subscribe();
  assert.equal((await steeple.tags.set({ plan: 'gold' })).ok, true);
  assert.deepEqual(gateway.only().tags, { plan: 'gold' });
  for (const wrong of [null, undefined, 'plan', ['gold'], 7]) assert.equal((await steeple.tags.set(wrong)).reason, 'invalid');
});

test('login on every page view costs one request in all; logout forgets the person', async () => {
  const first = await visit();
  await first.steeple.subscribe();
  await first.steeple.login('cust-17', { signature: 'abc', expires: 1900000000 });
  assert.equal(first.gateway.only().user, 'cust-17');
  const before = first.gateway.calls.length;
  const second = await revisit(first);
  await second.steeple.login('cust-17', { signature: 'fresh', expires: 1900000001 });
  assert.deepEqual(requests(first.gateway, before), []);
  await second.steeple.logout();
  assert.equal(first.gateway.only().user, null);
});

test('a login before the opt-in is kept for it', async () => {
  const { steeple, gateway } = await visit();
  assert.equal((await steeple.login('cust-17', { signature: 'abc', expires: 1 })).ok, true);
  await steeple.subscribe();
  assert.equal(gateway.only().user, 'cust-17');
});

test('a logout that could not be told is told by the next visit', async () => {
  const first = await visit();
  await first.steeple.subscribe();
  await first.steeple.login('cust-17', {});
  first.gateway.isDown = true;
  assert.equal((await first.steeple.logout()).reason, 'offline');
  first.gateway.isDown = false;
  await revisit(first);
  assert.equal(first.gateway.only().user, null);
});

test('a login without an id, and a refused signature, are answers', async () => {
  const { steeple, gateway } = await visit();
  await steeple.subscribe();
  assert.equal((await steeple.login('')).reason, 'invalid');
  gateway.refuse['POST /v1/subscriptions/sub_1/identity'] = 403;
  const refused = await steeple.login('cust-17', null);
  assert.deepEqual([refused.reason, refused.code], ['refused', 'refused_by_test']);
});

test('a login that was refused is not asked for again on every page view, but with another proof, or a day later', async () => {
  const first = await visit();
  await first.steeple.subscribe();
  first.gateway.refuse['POST /v1/subscriptions/sub_1/identity'] = 403;
  const proof = { signature: 'abc', expires: 1900000000 };
  await first.steeple.login('cust-17', proof);
  const asked = () => first.gateway.names().filter((name) => name.endsWith('/identity')).length;
  const before = asked();
  const second = await revisit(first);
  const told = await second.steeple.login('cust-17', proof);
  assert.deepEqual([told.ok, told.reason, told.code, asked() - before], [false, 'refused', 'refused_by_test', 0]);
  await second.steeple.login('cust-17', { ...proof, signature: 'other' });
  assert.equal(asked() - before, 1);
  await storeOf(first.host).update('refused', (refused) => ({ ...refused, at_ms: Date.now() - 24 * 3600 * 1000 }));
  delete first.gateway.refuse['POST /v1/subscriptions/sub_1/identity'];
  await revisit(first);
  assert.equal(first.gateway.only().user, 'cust-17');
});

test('a logout is told also where the login before it was refused', async () => {
  const { steeple, gateway } = await visit();
  await steeple.subscribe();
  await steeple.login('cust-17', { signature: 'abc', expires: 1900000000 });
  gateway.refuse['POST /v1/subscriptions/sub_1/identity'] = 403;
  await steeple.login('cust-18', { signature: 'abc', expires: 1900000000 });
  assert.equal((await steeple.logout()).ok, true);
  assert.equal(gateway.only().user, null);
});

test('a browser the gateway forgot is enrolled afresh, and the change still happens', async () => {
  const { steeple, gateway } = await visit();
  await steeple.subscribe({ topics: ['sale'] });
  gateway.devices.clear();
  const result = await steeple.topics.add('news');
  assert.deepEqual([result.ok, result.id, gateway.only().topics], [true, 'sub_2', ['sale', 'news']]);
});

test('a new key at the gateway moves the visitor over, silently, under the same id', async () => {
  const first = await visit();
  await first.steeple.subscribe();
  first.gateway.config.channels.webpush = { vapid_public_key: OTHER_KEY, vapid_key_id: 'key_2' };
  await anHourLater(first);
  const second = await revisit(first);
  assert.deepEqual([second.gateway.only().id, second.gateway.only().vapid_key_id], ['sub_1', 'key_2']);
  assert.deepEqual([second.gateway.only().endpoint, second.host.Notification.asked], ['https://push.example/2', 1]);
  assert.deepEqual(second.events, ['changed']);
});

test('a new key also moves browsers that answer the old subscription instead of an error', async () => {
  const first = await visit();
  await first.steeple.subscribe();
  pushOf(first.host).comparesKeys = false;
  first.gateway.config.channels.webpush = { vapid_public_key: OTHER_KEY, vapid_key_id: 'key_2' };
  await anHourLater(first);
  const second = await revisit(first);
  assert.deepEqual([second.gateway.only().endpoint, second.gateway.only().vapid_key_id], ['https://push.example/2', 'key_2']);
});

test('a click subscribes with today\'s key where a subscription with another key is in the way', async () => {
  const { host, steeple, gateway } = await visit();
  pushOf(host).held = pushOf(host).subscription('https://push.example/former-provider', OTHER_KEY);
  assert.equal((await steeple.subscribe()).ok, true);
  assert.equal(gateway.only().endpoint, 'https://push.example/1');
});

test('subscribing again after the browser lost its address keeps the id', async () => {
  const { host, steeple, gateway } = await visit();
  await steeple.subscribe();
  pushOf(host).held = null;
  const again = await steeple.subscribe();
  assert.deepEqual([again.id, gateway.devices.size, gateway.only().endpoint], ['sub_1', 1, 'https://push.example/2']);
});

test('permission taken back is told to the gateway once', async () => {
  const first = await visit();
  await first.steeple.subscribe();
  first.host.Notification.permission = 'denied';
  pushOf(first.host).held = null;
  const second = await revisit(first);
  assert.deepEqual([second.gateway.devices.size, second.ready.reason], [0, 'denied']);
  const before = second.gateway.calls.length;
  await revisit(second);
  assert.deepEqual(requests(second.gateway, before), []);
});

test('a lost subscription comes back without a question', async () => {
  const first = await visit();
  await first.steeple.subscribe();
  pushOf(first.host).held = null;
  const second = await revisit(first);
  assert.deepEqual([second.ready.subscribed, second.gateway.only().endpoint], [true, 'https://push.example/2']);
});

test('a gateway in trouble is not asked again on every page view', async () => {
  const first = await visit();
  await first.steeple.subscribe();
  pushOf(first.host).held = null;
  first.gateway.isDown = true;
  const second = await revisit(first);
  const before = second.gateway.calls.length;
  await revisit(second);
  assert.equal(second.gateway.calls.length, before);
});

test('still here: one small request an hour', async () => {
  const first = await visit();
  await first.steeple.subscribe();
  await storeOf(first.host).update('device', (device) => ({ ...device, seen_at_ms: Date.now() - 3600_000 }));
  const before = first.gateway.calls.length;
  const second = await revisit(first);
  await revisit(second);
  assert.deepEqual(requests(first.gateway, before), ['PATCH /v1/subscriptions/sub_1']);
  assert.deepEqual(second.events, []);
});

test('killed: one look at the settings, then nothing', async () => {
  const gateway = new FakeGateway();
  gateway.config.killed = true;
  const { host, steeple, ready } = await visit({ gateway });
  assert.deepEqual([ready.reason, host.navigator.serviceWorker.registered, gateway.calls.length], ['killed', [], 1]);
  assert.equal((await steeple.subscribe()).reason, 'killed');
  assert.equal(host.Notification.asked, 0);
});

test('data-consent: no request at all, and no question, before consent', async () => {
  const { host, steeple, gateway, ready } = await visit({ attributes: { consent: 'required' } });
  assert.equal(ready.reason, 'consent_required');
  assert.equal((await steeple.subscribe()).reason, 'consent_required');
  await steeple.login('cust-17');
  assert.deepEqual([gateway.calls.length, host.navigator.serviceWorker.registered, host.Notification.asked], [0, [], 0]);
});

test('ready is told once, however often consent is; the first consent after it is a change', async () => {
  const first = await visit({ attributes: { consent: 'required' } });
  let ready = 0;
  first.steeple.on('ready', () => { ready += 1; });
  assert.deepEqual([ready, first.events], [1, []]);
  for (let times = 0; times < 3; times += 1) assert.equal((await first.steeple.consent.give()).reason, null);
  assert.deepEqual([ready, first.events], [1, ['changed']]);
  const second = await revisit(first, { attributes: { consent: 'required' } });
  second.steeple.on('ready', () => { ready += 1; });
  await second.steeple.consent.give();
  assert.deepEqual([ready, second.events], [2, []]);
});

test('data-consent: consent and opt-in in one click, remembered, and taken back', async () => {
  const attributes = { consent: 'required' };
  const first = await visit({ attributes });
  first.steeple.consent.give();
  const subscribed = await first.steeple.subscribe();
  assert.equal(subscribed.ok, true);
  const second = await revisit(first, { attributes });
  assert.equal(second.ready.subscribed, true);
  assert.equal((await second.steeple.consent.withdraw()).ok, true);
  assert.equal(second.gateway.devices.size, 0);
  const third = await revisit(second, { attributes });
  assert.equal(third.ready.reason, 'consent_required');
});

test('data-consent: taken back is taken back, also where the room of the inbox cannot be loaded', async () => {
  const attributes = { consent: 'required' };
  const first = await visit({ attributes });
  await first.steeple.consent.give();
  await storeOf(first.host).set('visitor', { app: 'app_1' });
  assert.equal((await first.steeple.consent.withdraw()).reason, 'room_missing'); // nothing can be loaded in this page
  assert.equal((await first.steeple.subscribe()).reason, 'consent_required');
  assert.equal((await revisit(first, { attributes })).ready.reason, 'consent_required');
});

test('data-receipts and data-language reach the worker and the gateway', async () => {
  const { host, steeple, gateway } = await visit({ attributes: { receipts: 'off', language: 'fr' } });
  await steeple.subscribe();
  const { receipts, language, gateway: address } = await storeOf(host).get('settings');
  assert.deepEqual([receipts, language, address, gateway.only().language], [false, 'fr', 'https://push.shop.example', 'fr']);
});

test('a foreign worker at our scope is never replaced, and its subscription never touched', async () => {
  const host = fakeWindow();
  const foreign = new FakeRegistration('https://shop.example/steeple/', 'https://shop.example/other.js');
  foreign.pushManager.held = foreign.pushManager.subscription('https://push.example/theirs', KEY);
  host.navigator.serviceWorker.registrations.push(foreign);
  const { steeple, ready, events } = await visit({ navigator: host.navigator });
  assert.equal(ready.reason, 'worker_foreign');
  assert.deepEqual(events, ['error']);
  assert.deepEqual(host.navigator.serviceWorker.registered, []);
  await steeple.unsubscribe();
  assert.ok(await foreign.pushManager.getSubscription());
});

test('a wider worker of the shop is left alone; ours goes beside it', async () => {
  const host = fakeWindow();
  host.navigator.serviceWorker.registrations.push(new FakeRegistration('https://shop.example/', 'https://shop.example/pwa.js'));
  await visit({ navigator: host.navigator });
  assert.equal(host.navigator.serviceWorker.registrations.length, 2);
});

test('inside the shop\'s own worker the file keeps its exact address', async () => {
  const { host } = await visit({ attributes: { worker: '/sw.js', scope: '/' } });
  assert.deepEqual(host.navigator.serviceWorker.registered, ['https://shop.example/sw.js']);
});

test('a worker that cannot be registered is an answer with a reason', async () => {
  const host = fakeWindow();
  host.navigator.serviceWorker.fault = 'SecurityError';
  const { ready, events } = await visit({ navigator: host.navigator });
  assert.deepEqual([ready.reason, events], ['worker_missing', ['error']]);
});

test('an older worker is renewed when the settings name a newer one', async () => {
  const first = await visit();
  await storeOf(first.host).set('worker', { version: '0.0.9' });
  await anHourLater(first);
  const second = await revisit(first);
  assert.equal(second.host.navigator.serviceWorker.registrations[0].updates, 1);
});

test('another app on the same shop starts afresh', async () => {
  const first = await visit();
  await first.steeple.subscribe();
  first.gateway.config.app = 'app_2';
  const second = await revisit(first, { attributes: { app: 'app_2' } });
  assert.deepEqual([second.ready.id, second.gateway.devices.get(second.ready.id).app], ['sub_1', 'app_2']);
});

test('settings that never came are explained with what may be wrong', async () => {
  const gateway = new FakeGateway();
  gateway.isDown = true;
  const { ready, host } = await visit({ gateway });
  assert.deepEqual([ready.ok, ready.reason], [false, 'offline']);
  assert.ok(ready.message.includes(`${host.location.origin} one of the app's origins`), ready.message);
});
