// A shop's page must work as if we were not there, whatever it, its other scripts or the browser did to the globals.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import vm from 'node:vm';
import { readFileSync } from 'node:fs';
import { boot } from '../src/loader.js';
import { DeniedIndexedDB, ThrowingIndexedDB } from './fakes/indexeddb.js';
import { fakeTag, fakeWindow } from './fakes/window.js';

const CALLS = [
  (steeple) => steeple.subscribe(), (steeple) => steeple.subscribe(null), (steeple) => steeple.unsubscribe(),
  (steeple) => steeple.state(), (steeple) => steeple.login('a'), (steeple) => steeple.login('a', null),
  (steeple) => steeple.login({ toString: null }), (steeple) => steeple.logout(), (steeple) => steeple.topics.add(),
  (steeple) => steeple.topics.add(null), (steeple) => steeple.topics.remove({}), (steeple) => steeple.topics.list(),
  (steeple) => steeple.tags.set(1n), (steeple) => steeple.tags.set({ big: 1n }), (steeple) => steeple.consent.give(),
  (steeple) => steeple.consent.withdraw(),
];

/** Runs every public call on the page and holds it to an answer. */
async function everyCallAnswers(host) {
  boot(host);
  assert.ok(host.Steeple, 'the global is there');
  for (const call of CALLS) {
    const running = call(host.Steeple);
    assert.equal(typeof running.then, 'function');
    const result = await running;
    if (!Array.isArray(result)) assert.equal(typeof result.subscribed, 'boolean');
  }
}

const without = (name) => {
  const host = fakeWindow();
  delete host[name];
  return host;
};

const pages = {
  'no service worker (Firefox private window)': () => fakeWindow({ navigator: { userAgent: 'Firefox/153.0' } }),
  'no PushManager': () => without('PushManager'),
  'no Notification': () => without('Notification'),
  'no fetch': () => without('fetch'),
  'no indexedDB': () => without('indexedDB'),
  'no console': () => without('console'),
  'an insecure page': () => fakeWindow({ isSecureContext: false }),
  'storage switched off': () => fakeWindow({ indexedDB: new DeniedIndexedDB() }),
  'storage that throws': () => fakeWindow({ indexedDB: new ThrowingIndexedDB() }),
  'a fetch that throws at once': () => fakeWindow({ fetch() { throw new Error('patched'); } }),
  'a fetch that answers nonsense': () => fakeWindow({ fetch: async () => ({ status: 200, json: async () => [1] }) }),
  'a fetch that answers an error page': () => fakeWindow({ fetch: async () => ({ status: 502, json: async () => { throw new Error('html'); } }) }),
  'a permission prompt that throws': () => fakeWindow({ Notification: { permission: 'default', requestPermission() { throw new TypeError('no'); } } }),
  'locks that are refused': () => {
    const host = fakeWindow();
    host.navigator.locks = { request: async () => { throw Object.assign(new Error('denied'), { name: 'SecurityError' }); } };
    return host;
  },
  'a container that refuses to look': () => {
    const host = fakeWindow();
    host.navigator.serviceWorker.getRegistration = async () => { throw Object.assign(new Error('opaque'), { name: 'SecurityError' }); };
    return host;
  },
  'no data-app': () => fakeWindow({ attributes: { app: null } }),
};

for (const [what, make] of Object.entries(pages)) {
  test(`every call answers: ${what}`, () => everyCallAnswers(make()));
}

test('unsupported browsers are told why', async () => {
  const reason = async (host) => {
    boot(host);
    return (await host.Steeple.state()).reason;
  };
  const iphone = { userAgent: 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) AppleWebKit/605.1.15 Version/18.4 Mobile Safari/604.1' };
  assert.equal(await reason(fakeWindow({ isSecureContext: false })), 'insecure');
  assert.equal(await reason(without('PushManager')), 'unsupported');
  assert.equal(await reason(fakeWindow({ navigator: iphone })), 'ios_home_screen');
  assert.equal(await reason(fakeWindow({ navigator: { ...iphone, standalone: true } })), 'unsupported');
  assert.equal(await reason(fakeWindow({ attributes: { app: null } })), 'app_missing');
});

test('where a site may keep nothing, push is unsupported: no fault, no line in the console', async () => {
  const host = pages['a container that refuses to look']();
  boot(host);
  const ready = await new Promise((resolve) => { host.Steeple.on('ready', resolve); });
  assert.deepEqual([ready.reason, ready.supported, host.console.lines], ['unsupported', false, []]);
});

test('boot never throws, not even without a script tag or with a global nobody may write', () => {
  boot(fakeWindow({ document: { currentScript: null, querySelector: () => null } }));
  boot(fakeWindow({ document: { currentScript: fakeTag({}, 'not an address'), querySelector: () => null } }));
  boot({});
  boot(Object.freeze(fakeWindow()));
});

test('functions queued before the script are run with the SDK, later ones at once; one that throws stops nobody', () => {
  const heard = [];
  const queue = [(steeple) => heard.push(steeple.version), () => { throw new Error('shop bug'); }, 'nonsense', () => heard.push('third')];
  const host = fakeWindow({ Steeple: queue });
  boot(host);
  host.Steeple.push(() => heard.push('late'));
  assert.deepEqual(heard, [host.Steeple.version, 'third', 'late']);
});

test('a tag that stands in the page twice changes nothing', () => {
  const host = fakeWindow();
  boot(host);
  const first = host.Steeple;
  boot(host);
  assert.equal(host.Steeple, first);
});

test('a listener that throws stops neither the others nor the SDK', async () => {
  const host = fakeWindow();
  boot(host);
  const heard = [];
  host.Steeple.on('subscribed', () => { throw new Error('shop bug'); });
  const stop = host.Steeple.on('subscribed', () => heard.push('stopped'));
  host.Steeple.on('subscribed', () => heard.push('second'));
  host.Steeple.on('subscribed', 'nonsense');
  stop();
  assert.equal((await host.Steeple.subscribe()).ok, true);
  assert.deepEqual(heard, ['second']);
});

/** The built file in a realm of its own, as the browser runs it; `before` spoils the realm first. */
async function runBuilt(before) {
  const host = fakeWindow();
  const realm = vm.createContext({
    ...host, URL, URLSearchParams, AbortController, setTimeout, clearTimeout, atob, btoa, fetch: host.fetch,
  });
  realm.window = realm;
  vm.runInContext(before, realm);
  vm.runInContext(readFileSync(new URL('../dist/steeple.js', import.meta.url), 'utf8'), realm);
  return { result: await realm.Steeple.subscribe({ topics: ['sale'] }), gateway: host.gateway };
}

const spoilt = {
  'nothing spoilt': '',
  'frozen prototypes': 'for (const one of [Object, Array, Promise, Function, Map, String]) { Object.freeze(one.prototype); Object.freeze(one); }',
  'old libraries on Array.prototype': 'Array.prototype.remove = function () {}; Array.prototype.at = 7; Object.prototype.extra = "x";',
  'a replaced Promise': 'window.Promise = class Wrapped extends Promise {};',
  'strict no-eval': 'window.eval = () => { throw new Error("CSP"); }; window.Function = function () { throw new Error("CSP"); };',
};

for (const [what, before] of Object.entries(spoilt)) {
  test(`the built script enrols: ${what}`, async () => {
    const { result, gateway } = await runBuilt(before);
    assert.deepEqual([result.ok, result.subscribed], [true, true], JSON.stringify(result));
    assert.equal(gateway.devices.size, 1);
  });
}
