// Safari and iOS, simulated (see fakes/apple.js): the rules that WebKit has of its own.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boot } from '../src/loader.js';
import { openStore } from '../src/store.js';
import { listen } from '../src/listen.js';
import { appleWorkerScope, iosHomeScreen, iosTab, ipadHomeScreen, safariWindow } from './fakes/apple.js';
import { OTHER_KEY } from './fakes/gateway.js';
import { message } from './fakes/worker-scope.js';

const arrive = async (host) => {
  boot(host);
  return new Promise((resolve) => { host.Steeple.on('ready', resolve); });
};

/** The same browser at the next page: what it keeps stays. */
const again = (make, { gateway, indexedDB, Notification, navigator, pushManager, click }) => Object.assign(
  make(), { gateway, fetch: gateway.fetch, indexedDB, Notification, navigator, pushManager, click },
);

test('simulated Safari: subscribe() in a click is asked within its turn, before the settings came and after', async () => {
  for (const settle of [false, true]) {
    const host = safariWindow();
    const ready = arrive(host);
    if (settle) await ready;
    const result = await host.click(() => host.Steeple.subscribe());
    assert.deepEqual([result.ok, host.Notification.asked], [true, 1]);
  }
});

test('simulated Safari: a shop that waits before it calls subscribe() is passed over, and hears so', async () => {
  const host = safariWindow();
  await arrive(host);
  const result = await host.click(async () => {
    await null;
    return host.Steeple.subscribe();
  });
  assert.deepEqual([result.ok, result.reason, host.Notification.asked], [false, 'dismissed', 0]);
});

test('simulated Safari: consent and subscribe() in one click are within the turn as well', async () => {
  const host = safariWindow({ attributes: { consent: 'required' } });
  await arrive(host);
  const result = await host.click(() => {
    host.Steeple.consent.give();
    return host.Steeple.subscribe();
  });
  assert.equal(result.ok, true);
});

test('simulated iOS: a tab is told to show the way to the home screen, and nothing is asked or loaded', async () => {
  const host = iosTab();
  const ready = await arrive(host);
  const result = await host.click(() => host.Steeple.subscribe());
  assert.deepEqual([ready.reason, result.reason, ready.supported], ['ios_home_screen', 'ios_home_screen', false]);
  assert.deepEqual([host.gateway.calls.length, host.navigator.serviceWorker.registered], [0, []]);
});

test('simulated iOS: the app on the home screen enrols as iOS, whatever an iPad calls itself', async () => {
  for (const make of [iosHomeScreen, ipadHomeScreen]) {
    const host = make();
    await arrive(host);
    const result = await host.click(() => host.Steeple.subscribe({ topics: ['sale'] }));
    assert.deepEqual([result.ok, host.gateway.only().os, host.gateway.only().topics], [true, 'ios', ['sale']]);
  }
});

test('simulated iOS: no event tells of a lost address; the next visit finds out, and asks nobody', async () => {
  const host = iosHomeScreen();
  await arrive(host);
  const { id } = await host.click(() => host.Steeple.subscribe());
  host.navigator.serviceWorker.registrations[0].pushManager.held = null;
  const ready = await arrive(again(iosHomeScreen, host));
  assert.deepEqual([ready.subscribed, ready.id, host.gateway.only().endpoint], [true, id, 'https://push.example/2']);
  assert.equal(host.Notification.asked, 1);
});

test('simulated Safari: a new key moves the subscriber without a question, and outside of any click', async () => {
  const host = safariWindow();
  await arrive(host);
  await host.click(() => host.Steeple.subscribe());
  host.gateway.config.channels.webpush = { vapid_public_key: OTHER_KEY, vapid_key_id: 'key_2' };
  await openStore(host).update('config', (config) => ({ ...config, at_ms: 0 }));
  const ready = await arrive(again(safariWindow, host));
  assert.deepEqual([ready.subscribed, host.gateway.only().vapid_key_id, host.Notification.asked], [true, 'key_2', 1]);
});

test('simulated Safari 18.4: without a worker file the window subscribes by itself, and stays known', async () => {
  const host = safariWindow();
  host.navigator.serviceWorker.fault = 'SecurityError';
  await arrive(host);
  const result = await host.click(() => host.Steeple.subscribe());
  assert.deepEqual([result.ok, host.pushManager.made], [true, 1]);
  const next = again(safariWindow, host);
  const arriving = arrive(next);
  assert.equal((await next.Steeple.state()).subscribed, true, 'also before anything is asked of the gateway');
  const ready = await arriving;
  assert.deepEqual([ready.subscribed, ready.id, host.gateway.made], [true, result.id, 1]);
  assert.equal((await next.Steeple.unsubscribe()).ok, true);
  assert.deepEqual([await host.pushManager.getSubscription(), host.gateway.devices.size], [null, 0]);
});

test('simulated Safari 18.4: once there is a worker the subscriber moves to it under the same id', async () => {
  const host = safariWindow();
  host.navigator.serviceWorker.fault = 'SecurityError';
  await arrive(host);
  const { id } = await host.click(() => host.Steeple.subscribe());
  delete host.navigator.serviceWorker.fault;
  const ready = await arrive(again(safariWindow, host));
  assert.deepEqual([ready.id, host.navigator.serviceWorker.registrations[0].pushManager.made], [id, 1]);
});

test('simulated Safari: whatever comes, a push shows something, and the subscription is never struck out', async () => {
  const scope = appleWorkerScope();
  listen(scope);
  const pushes = [message(), message(), message(), null, 'no JSON', '{"notification": 7}', message({ tag: 'a' }, { m: 'msg_2' })];
  for (const payload of pushes) await scope.push(payload);
  assert.deepEqual([scope.strikes, scope.isEnded], [0, false]);
  scope.registration.open = []; // the person closed them all
  for (let times = 0; times < 4; times += 1) await scope.push(message());
  assert.deepEqual([scope.strikes, scope.isEnded], [0, false]);
  assert.deepEqual(scope.gateway.calls, [], 'nothing is fetched around a push');
});
