// When the page script lets the room of prompts in, and what `Steeple.prompt.show()` answers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boot } from '../src/loader.js';
import { openRoom } from '../src/rooms.js';
import { FakeGateway } from './fakes/gateway.js';
import { fakeNotification, fakeWindow } from './fakes/window.js';

const IPHONE = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) AppleWebKit/605.1.15 Version/18.4 Mobile/15E148 Safari/604.1';
const later = () => new Promise((resolve) => { setTimeout(resolve, 40); }); // the fake store takes a turn for each step

/** Until the room was wanted for something. */
async function entered(calls) {
  for (let turns = 0; turns < 100 && !calls.length; turns += 1) await later();
}

/** A page of an app with these prompts, after "ready". `calls` is what was wanted of the room. */
async function pageWith({ kinds = ['slidedown'], killed = false, ...overrides } = {}) {
  const gateway = overrides.gateway || new FakeGateway();
  gateway.config.prompts = kinds.map((kind) => ({ slug: kind, kind }));
  gateway.config.killed = killed;
  const host = fakeWindow({ ...overrides, gateway });
  const calls = [];
  openRoom(host, 'prompts', (core) => ({
    start: async () => { calls.push(['start', core.visit.config.prompts.length]); return { ok: true, reason: null }; },
    show: async (slug) => { calls.push(['show', slug]); return { ok: true, reason: null }; },
  }));
  boot(host);
  const ready = new Promise((resolve) => { host.Steeple.on('ready', resolve); });
  return { host, calls, gateway, ready, steeple: host.Steeple };
}

test('a visitor who may be asked lets the room in, after the page is ready', async () => {
  const { calls, ready } = await pageWith();
  await ready;
  await entered(calls);
  assert.deepEqual(calls, [['start', 1]]);
});

test('an app without prompts costs nobody a byte', async () => {
  const { calls, ready } = await pageWith({ kinds: [] });
  await ready;
  await later();
  assert.deepEqual(calls, []);
});

test('a subscriber needs no question, only what is part of the page', async () => {
  const first = await pageWith();
  await first.ready;
  await first.steeple.subscribe();
  const again = { gateway: first.gateway, indexedDB: first.host.indexedDB, Notification: first.host.Notification, navigator: first.host.navigator };
  const second = await pageWith(again);
  await second.ready;
  await later();
  assert.deepEqual(second.calls, []);
  const third = await pageWith({ ...again, kinds: ['slidedown', 'inline'], indexedDB: fakeWindow().indexedDB });
  await third.ready;
  await entered(third.calls);
  assert.deepEqual(third.calls, [['start', 2]]);
});

test('an iPhone outside a home-screen app hears of the settings and is shown the guide, without a worker', async () => {
  const { serviceWorker } = fakeWindow().navigator;
  const { calls, ready, gateway } = await pageWith({
    PushManager: undefined, Notification: undefined, navigator: { userAgent: IPHONE, language: 'en', maxTouchPoints: 5, serviceWorker },
  });
  assert.equal((await ready).reason, 'ios_home_screen');
  await entered(calls);
  assert.deepEqual(calls, [['start', 1]]);
  assert.deepEqual(gateway.names(), ['GET /v1/sdk/config']);
  assert.deepEqual(serviceWorker.registered, []);
});

test('other browsers without push are left alone, without a request', async () => {
  const { calls, ready, gateway, steeple } = await pageWith({ PushManager: undefined });
  await ready;
  assert.equal((await steeple.prompt.show()).reason, 'unsupported');
  assert.deepEqual([calls, gateway.calls], [[], []]);
});

test('without consent neither a prompt nor its room nor a request, also on an iPhone', async () => {
  for (const overrides of [{}, { PushManager: undefined, Notification: undefined, navigator: { userAgent: IPHONE, maxTouchPoints: 5 } }]) {
    const { calls, ready, gateway, steeple } = await pageWith({ attributes: { consent: 'required' }, ...overrides });
    await ready;
    const { ok } = await steeple.prompt.show();
    assert.deepEqual([ok, calls, gateway.calls], [false, [], []]);
  }
});

test('an app that is switched off shows no prompt', async () => {
  const { calls, ready, steeple } = await pageWith({ killed: true });
  await ready;
  assert.equal((await steeple.prompt.show()).reason, 'killed');
  assert.deepEqual(calls, []);
});

test('a blocked visitor is let in to be helped, and show() passes the slug on', async () => {
  const { calls, steeple } = await pageWith({ Notification: fakeNotification('denied') });
  const { ok } = await steeple.prompt.show('bell');
  assert.equal(ok, true);
  assert.deepEqual(calls.filter(([name]) => name === 'show'), [['show', 'bell']]);
});
