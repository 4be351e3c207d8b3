// The Capacitor plugin and the Expo hook (plugins/), over fakes of the libraries that speak to a phone. Types are judged
// by tsc: Capacitor's against the real plugin's.
import assert from 'node:assert/strict';
import { mkdir, rm } from 'node:fs/promises';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import path from 'node:path';
import { build } from 'esbuild';
import { createElement } from 'react';
import renderer, { act } from 'react-test-renderer';
import { createDevice } from '../device/index.js';
import { FakeGateway } from './fakes/gateway.js';

globalThis.IS_REACT_ACT_ENVIRONMENT = true;

const SDK = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
// Inside node_modules, so that the bundles share React with this test.
const folder = path.join(SDK, 'node_modules', `.plugins-${process.pid}`);

after(() => rm(folder, { recursive: true, force: true }));

/** A plugin's TypeScript as a module. */
async function load(name) {
  await mkdir(folder, { recursive: true });
  const outfile = path.join(folder, `${name}.mjs`);
  await build({
    entryPoints: [path.join(SDK, '..', 'plugins', name, 'src', 'index.ts')], outfile, bundle: true, format: 'esm', platform: 'node',
    alias: { '@steeple/sdk-js': SDK }, external: ['react', '@capacitor/*'], logLevel: 'error', tsconfigRaw: {},
  });
  return import(outfile);
}

function newDevice() {
  const gateway = new FakeGateway();
  const store = { kept: null, get() { return this.kept; }, set(device) { this.kept = device; } };
  return { gateway, device: createDevice({ gateway: 'https://push.shop.example', key: 'stpl_pk_1', store, fetch: gateway.fetch }) };
}

/** The official plugin: events by name, and a token that comes by one. */
class FakePush {
  listeners = new Map();

  receive = 'prompt';

  fault = null;

  async addListener(name, listener) {
    this.listeners.set(name, [...(this.listeners.get(name) || []), listener]);
    return { remove: async () => { this.listeners.set(name, this.listeners.get(name).filter((one) => one !== listener)); } };
  }

  tell(name, value) { (this.listeners.get(name) || []).forEach((listener) => listener(value)); }

  async register() { setTimeout(() => (this.fault ? this.tell('registrationError', { error: this.fault }) : this.tell('registration', { value: 'token-1' })), 0); }

  async checkPermissions() { return { receive: this.receive }; }

  async requestPermissions() { this.receive = 'granted'; return { receive: 'granted' }; }
}

const settle = async () => { for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => { setTimeout(resolve, 2); }); };
const RECEIVED = { data: { steeple: '{"t":"abc"}' } };

for (const [platform, expected] of [
  ['ios', { channel: 'apns', token: 'token-1', bundle_id: 'com.shop.app', environment: 'sandbox' }],
  ['android', { channel: 'fcm', token: 'token-1' }],
]) {
  test(`Capacitor on ${platform}: asked, registered, reported, left`, async () => {
    const { createSteepleApp } = await load('capacitor');
    const { gateway, device } = newDevice();
    const push = new FakePush();
    const app = createSteepleApp({ device, push, platform, bundleId: 'com.shop.app', environment: 'sandbox' });
    await app.start();
    assert.equal((await app.subscribe({ topics: ['sale'] })).ok, true);
    const told = gateway.only();
    assert.deepEqual(Object.fromEntries(Object.keys(expected).map((name) => [name, told[name]])), expected);
    push.tell('pushNotificationReceived', RECEIVED);
    push.tell('pushNotificationActionPerformed', { actionId: 'tap', notification: RECEIVED });
    push.tell('registration', { value: 'token-2' });
    await settle();
    assert.deepEqual(gateway.receipts.map((one) => one.kind), ['shown', 'clicked']);
    assert.deepEqual([gateway.devices.size, gateway.only().token], [1, 'token-2']);
    await app.unsubscribe();
    await app.stop();
    assert.deepEqual([gateway.devices.size, [...push.listeners.values()].flat().length], [0, 0]);
  });
}

test('Capacitor without a token says so, and goes on listening for none', async () => {
  const { createSteepleApp } = await load('capacitor');
  const { device } = newDevice();
  const push = new FakePush();
  push.fault = 'no Play services';
  const done = await createSteepleApp({ device, push, platform: 'android', bundleId: '', environment: 'production' }).subscribe();
  assert.deepEqual([done.ok, done.reason, done.message], [false, 'no_token', 'no Play services']);
  assert.equal(push.listeners.get('registrationError').length, 0);
});

function fakeNotifications() {
  const listeners = {};
  const on = (name) => (listener) => { listeners[name] = listener; return { remove() { delete listeners[name]; } }; };
  const notifications = {
    granted: false,
    listeners,
    async getPermissionsAsync() { return { granted: notifications.granted }; },
    async requestPermissionsAsync() { notifications.granted = true; return { granted: true }; },
    async getDevicePushTokenAsync() { return { type: 'ios', data: 'token-1' }; },
    addPushTokenListener: on('token'),
    addNotificationReceivedListener: on('received'),
    addNotificationResponseReceivedListener: on('response'),
  };
  return notifications;
}

test('Expo: a component starts the app, asks from a tap, knows the outcome, and lets go', async () => {
  const { createSteepleApp, useSteepleApp } = await load('expo');
  const { gateway, device } = newDevice();
  const notifications = fakeNotifications();
  const app = createSteepleApp({ device, notifications, bundleId: 'com.shop.app', environment: 'production' });
  let seen = null;
  const Bell = () => { seen = useSteepleApp(app); return null; };
  let tree = null;
  await act(async () => { tree = renderer.create(createElement(Bell)); await settle(); });
  assert.deepEqual([seen.registered, seen.reason, gateway.calls.length], [false, 'not_registered', 0]);
  await act(async () => { await seen.subscribe({ topics: ['sale'] }); });
  assert.deepEqual([seen.registered, gateway.only().channel, gateway.only().topics], [true, 'apns', ['sale']]);
  notifications.listeners.received({ request: { content: { data: null }, trigger: { payload: { steeple: { t: 'abc' } } } } });
  notifications.listeners.response({ notification: { request: { content: { data: { steeple: '{"t":"abc"}' } } } } });
  await settle();
  assert.deepEqual(gateway.receipts.map((one) => one.kind), ['shown', 'clicked']);
  await act(async () => { await seen.unsubscribe(); });
  assert.deepEqual([seen.registered, gateway.devices.size], [false, 0]);
  await act(async () => { tree.unmount(); await settle(); });
  assert.deepEqual(Object.keys(notifications.listeners), []);
});
