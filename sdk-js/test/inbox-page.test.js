// When the page script lets the room of the inbox in, and whom it hears of there.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boot } from '../src/loader.js';
import { openRoom } from '../src/rooms.js';
import { fakeWindow } from './fakes/window.js';

/** A page with a stand-in for the room, after "ready". `calls` is what was wanted of it. */
async function pageWith(overrides) {
  const host = fakeWindow(overrides);
  const calls = [];
  const room = (name) => async (...args) => { calls.push([name, ...args]); return { ok: true, reason: null, unread: 3 }; };
  openRoom(host, 'inbox', ({ store }) => ({
    ...Object.fromEntries(['list', 'read', 'show', 'watch', 'leave'].map((name) => [name, room(name)])),
    unread: async () => { await store.set('visitor', { app: 'app_1' }); return room('unread')(); },
  }));
  boot(host);
  await new Promise((resolve) => { host.Steeple.on('ready', resolve); });
  return { host, calls, steeple: host.Steeple, gateway: host.gateway };
}

test('each call reaches the room, and its answer the page', async () => {
  const { steeple: { inbox }, calls } = await pageWith();
  const done = [await inbox.list({ limit: 5 }), await inbox.unread(), await inbox.read('msg_1'), await inbox.show()];
  assert.deepEqual(calls, [['list', { limit: 5 }], ['unread'], ['read', 'msg_1'], ['show']]);
  assert.ok(done.every(({ ok, unread, supported }) => ok && unread === 3 && supported));
});

test('a page that does not use the inbox never lets the room in; one that says so watches', async () => {
  assert.deepEqual((await pageWith()).calls, []);
  const off = await pageWith({ attributes: { inbox: 'off' } });
  const { calls } = await pageWith({ attributes: { inbox: 'on' } });
  for (let turns = 0; turns < 100 && !calls.length; turns += 1) await new Promise((resolve) => { setTimeout(resolve, 5); });
  assert.deepEqual([calls, off.calls], [[['watch']], []]);
});

test('before the consent nothing is read, watched or loaded', async () => {
  const { steeple, calls, gateway } = await pageWith({ attributes: { inbox: 'on', consent: 'required' } });
  for (const name of ['list', 'unread', 'read', 'show']) assert.equal((await steeple.inbox[name]()).reason, 'consent_required');
  assert.deepEqual([calls, gateway.calls], [[], []]);
});

test('who takes the consent back leaves the inbox, too; who never had one is not bothered', async () => {
  const { steeple, calls } = await pageWith({ attributes: { consent: 'required' } });
  await steeple.consent.give();
  await steeple.consent.withdraw();
  assert.deepEqual(calls, []);
  await steeple.consent.give();
  await steeple.inbox.unread(); // the room keeps who reads under "visitor"
  await steeple.consent.withdraw();
  assert.deepEqual(calls, [['unread'], ['leave']]);
});

test('a browser without push reads all the same, and may say who reads there', async () => {
  const { steeple, calls, gateway } = await pageWith({ PushManager: undefined });
  assert.equal((await steeple.inbox.unread()).unread, 3);
  assert.deepEqual(calls, [['unread']]);
  const done = await steeple.login('cust-17', { signature: 'aa', expires: 1 });
  assert.deepEqual([done.ok, (await steeple.logout()).ok], [true, true]);
  assert.equal((await steeple.tags.set({ a: 1 })).reason, 'unsupported');
  assert.deepEqual(gateway.calls, []);
});
