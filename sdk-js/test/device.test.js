// The device API for apps in JavaScript, and what an app does with it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createApp } from '../device/app.js';
import { createDevice, tokenOf } from '../device/index.js';
import { FakeGateway } from './fakes/gateway.js';

const ADDRESS = { channel: 'fcm', token: 'token-1' };

function memory(kept = null) {
  return { kept, get() { return this.kept; }, async set(device) { this.kept = device; } };
}

function newDevice(overrides = {}) {
  const gateway = new FakeGateway();
  const store = memory();
  const device = createDevice({ gateway: 'https://push.shop.example/', key: 'stpl_pk_1', store, fetch: gateway.fetch, ...overrides });
  return { gateway, store, device };
}

test('registering gives an id; the next start is a change of the same device', async () => {
  const { gateway, device, store } = newDevice();
  const first = await device.register({ ...ADDRESS, topics: ['sale'] });
  assert.deepEqual([first.ok, first.id, store.kept], [true, 'sub_1', { id: 'sub_1', secret: 'stpl_ds_1' }]);
  assert.equal(gateway.calls[0].headers.Authorization, 'Bearer stpl_pk_1');
  await device.register({ ...ADDRESS, token: 'token-2' });
  assert.deepEqual(gateway.names(), ['POST /v1/subscriptions', 'PATCH /v1/subscriptions/sub_1']);
  assert.deepEqual([gateway.only().token, gateway.calls[1].headers.Authorization], ['token-2', 'Bearer stpl_ds_1']);
});

for (const status of [401, 404, 409]) {
  test(`a device that the gateway answers ${status} to is registered afresh`, async () => {
    const { gateway, device } = newDevice();
    await device.register(ADDRESS);
    gateway.refuse['PATCH /v1/subscriptions/sub_1'] = status;
    assert.equal((await device.register(ADDRESS)).ok, true);
    assert.equal(gateway.names().filter((name) => name === 'POST /v1/subscriptions').length, 2);
  });
}

test('nothing is done before a registration, and nothing rejects whatever goes wrong', async () => {
  const { gateway, device } = newDevice();
  assert.equal((await device.setTopics(['sale'])).reason, 'not_registered');
  assert.equal(gateway.calls.length, 0);
  gateway.refuse['POST /v1/subscriptions'] = 422;
  const refused = await device.register(ADDRESS);
  assert.deepEqual([refused.ok, refused.reason, refused.code], [false, 'refused', 'refused_by_test']);
  gateway.refuse['POST /v1/subscriptions'] = 503;
  assert.equal((await device.register(ADDRESS)).reason, 'busy');
  gateway.isDown = true;
  assert.equal((await device.register(ADDRESS)).reason, 'offline');
  const broken = newDevice({ store: { get() { throw new Error('keychain locked'); } } });
  assert.equal((await broken.device.register(ADDRESS)).reason, 'internal');
  assert.throws(() => newDevice({ key: 'stpl_sk_1' }), /publishable/);
});

test('calls made at once go one after another, each with the secret of the one before', async () => {
  const { gateway, device } = newDevice();
  await Promise.all([device.register(ADDRESS), device.setTags({ plan: 'gold' }), device.login('cust-17', { signature: 's', expires: 1 })]);
  assert.deepEqual(gateway.names(), ['POST /v1/subscriptions', 'PATCH /v1/subscriptions/sub_1', 'POST /v1/subscriptions/sub_1/identity']);
  assert.equal(gateway.only().user, 'cust-17');
});

test('leaving counts also where the gateway has forgotten the device', async () => {
  const { gateway, device, store } = newDevice();
  await device.register(ADDRESS);
  gateway.devices.clear();
  assert.deepEqual([(await device.leave()).ok, store.kept], [true, null]);
});

test('receipts go out twenty at a time, without a key', async () => {
  const { gateway, device } = newDevice();
  await device.report('shown', Array.from({ length: 41 }, (_, n) => `t-${n}`));
  assert.deepEqual(gateway.calls.map((one) => [one.sent.receipts.length, one.headers.Authorization]), [[20, undefined], [20, undefined], [1, undefined]]);
});

test('the token of a push is found where Apple and Firebase put it, and nowhere else', () => {
  assert.equal(tokenOf({ steeple: { t: 'abc' } }), 'abc');
  assert.equal(tokenOf({ steeple: '{"t":"abc"}' }), 'abc');
  for (const data of [null, undefined, 7, {}, { steeple: null }, { steeple: '{' }, { steeple: { t: 7 } }]) assert.equal(tokenOf(data), null);
});

/** A phone whose person answers as told; `tell` plays what its system says. */
function fakePhone({ permitted = false, says = true } = {}) {
  const listeners = {};
  const on = (name) => (listener) => { listeners[name] = listener; return () => { delete listeners[name]; }; };
  const phone = {
    asked: 0,
    permitted,
    token: 'token-1',
    fault: null,
    listeners,
    tell: (name, value) => listeners[name] && listeners[name](value),
    isPermitted: async () => phone.permitted,
    async ask() { phone.asked += 1; phone.permitted = says; return says; },
    async address() {
      if (phone.fault) throw phone.fault;
      const address = { channel: 'fcm', token: phone.token };
      await phone.tell('address', address); // as Capacitor's plugin does
      return address;
    },
    onAddress: on('address'),
    onShown: on('shown'),
    onClicked: on('clicked'),
  };
  return phone;
}

function newApp(options) {
  const phone = fakePhone(options);
  const made = newDevice();
  return { ...made, phone, app: createApp({ device: made.device, phone }) };
}

test('a start asks nobody and registers nobody who did not say yes', async () => {
  const { app, phone, gateway } = newApp();
  assert.deepEqual([(await app.start()).reason, phone.asked, gateway.calls.length], ['not_registered', 0, 0]);
});

test('a yes registers with language, time zone and wish; the next start is one change', async () => {
  const { app, phone, gateway } = newApp();
  await app.start();
  assert.equal((await app.subscribe({ topics: ['sale'] })).ok, true);
  const { topics, timezone, language } = gateway.only();
  assert.deepEqual([phone.asked, topics, timezone, Boolean(language)], [1, ['sale'], new Intl.DateTimeFormat().resolvedOptions().timeZone, true]);
  await app.start();
  assert.deepEqual(gateway.names(), ['POST /v1/subscriptions', 'PATCH /v1/subscriptions/sub_1']);
});

test('a no registers nobody, and a phone without a token is told as one', async () => {
  const refused = newApp({ says: false });
  assert.deepEqual([(await refused.app.subscribe()).reason, refused.gateway.calls.length], ['denied', 0]);
  const broken = newApp({ permitted: true });
  broken.phone.fault = new Error('no Play services');
  const done = await broken.app.subscribe();
  assert.deepEqual([done.ok, done.reason, done.message], [false, 'no_token', 'no Play services']);
});

test('a token that the system changes moves the device; permission taken back ends it at the next start', async () => {
  const { app, phone, gateway } = newApp();
  await app.subscribe();
  await phone.tell('address', { channel: 'fcm', token: 'token-2' });
  assert.deepEqual([gateway.devices.size, gateway.only().token], [1, 'token-2']);
  phone.permitted = false;
  await app.start();
  assert.equal(gateway.devices.size, 0);
});

test('what was shown and clicked is told, until the app stops listening', async () => {
  const { app, phone, gateway } = newApp();
  await app.start();
  await phone.tell('shown', { steeple: '{"t":"abc"}' });
  await phone.tell('clicked', { steeple: { t: 'abc' } });
  await phone.tell('shown', { other: 'push' });
  assert.deepEqual(gateway.receipts.map(({ kind, token }) => [kind, token]), [['shown', 'abc'], ['clicked', 'abc']]);
  await app.stop();
  assert.deepEqual(Object.keys(phone.listeners), []);
});
