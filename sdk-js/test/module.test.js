// The ES module: the page script for shops that bundle, and the bindings for views.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startSteeple, VERSION } from '../src/module.js';
import { liveOf } from '../bindings/live.js';
import { fakeNotification, fakeWindow } from './fakes/window.js';

const OPTIONS = { gateway: 'https://push.shop.example', app: 'app_1' };

const ready = (steeple) => new Promise((resolve) => { steeple.on('ready', resolve); });

/** Started, and settled. */
async function started(given = {}, overrides = {}) {
  const host = fakeWindow(overrides);
  const steeple = startSteeple({ ...OPTIONS, ...given }, host);
  await ready(steeple);
  return { host, steeple };
}

test('options as an object do what the script tag does', async () => {
  const { host, steeple } = await started({ worker: '/push/w.js', language: 'de' });
  assert.deepEqual(host.navigator.serviceWorker.registered,
    ['https://shop.example/push/w.js?gateway=https%3A%2F%2Fpush.shop.example&app=app_1']);
  const done = await steeple.subscribe({ topics: ['sale'] });
  assert.deepEqual([done.ok, host.gateway.only().language], [true, 'de']);
  assert.equal(steeple.version, VERSION);
});

test('with consent required nothing is asked of anybody before it is given', async () => {
  const { host, steeple } = await started({ consent: 'required' });
  assert.deepEqual([host.gateway.calls, host.navigator.serviceWorker.registered], [[], []]);
  await steeple.consent.give();
  assert.equal(host.gateway.calls.length, 1);
});

test('a page has one Steeple, whoever started it first, and runs what was queued', async () => {
  const ran = [];
  const { host, steeple } = await started({}, { Steeple: [(one) => ran.push(one)] });
  assert.deepEqual([ran[0] === steeple, host.Steeple === steeple], [true, true]);
  assert.equal(startSteeple(OPTIONS, host), steeple);
});

for (const [what, given] of [
  ['none', undefined], ['no gateway', { app: 'app_1' }], ['a worker that is no address', { ...OPTIONS, worker: 'http://[' }],
]) {
  test(`a mistake in the options breaks no bundle: ${what}`, async () => {
    const host = fakeWindow();
    const steeple = startSteeple(given, host);
    assert.deepEqual([host.console.lines.length, host.Steeple, host.gateway.calls], [1, undefined, []]);
    assert.deepEqual([(await steeple.state()).reason, (await steeple.subscribe()).ok], ['app_missing', false]);
  });
}

test('on a server every call answers, and says that there is no push', async () => {
  const steeple = startSteeple(OPTIONS);
  assert.deepEqual([(await steeple.state()).reason, (await steeple.subscribe()).reason], ['unsupported', 'unsupported']);
  assert.equal(globalThis.Steeple, undefined);
});

test('a view follows the state, and sees the same object until something happened', async () => {
  const { steeple } = await started({}, { Notification: fakeNotification('granted') });
  const live = liveOf(steeple);
  assert.equal(live.get().supported, false);
  let told = 0;
  const stop = live.subscribe(() => { told += 1; });
  await steeple.subscribe();
  await steeple.state();
  assert.deepEqual([live.get().subscribed, live.get() === live.get(), told > 0], [true, true, true]);
  assert.equal(liveOf(steeple), live);
  assert.deepEqual([live.first().supported, live.first().subscribed], [false, false]); // as on a server
  stop();
  const before = told;
  await steeple.unsubscribe();
  await steeple.state();
  assert.deepEqual([told, live.get().subscribed], [before, false]);
});
