// Visitors of another push provider come over, and the provider is left in peace unless the shop says otherwise.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openRoom } from '../src/rooms.js';
import { decideTakeover, isOf, makeTakeover } from '../src/takeover/room.js';
import { OTHER_KEY } from './fakes/gateway.js';
import { FakeRegistration } from './fakes/push.js';
import { revisit, visit } from './fakes/visit.js';
import { fakeNotification, fakeWindow } from './fakes/window.js';

const THEIR_FILE = '/OtherProviderWorker.js';
const MIGRATES = { migrate: THEIR_FILE };
const ENDS = { ...MIGRATES, migrateEnd: '' };

/** A browser in which another provider was allowed to push, and does. */
function browserOfTheirs({ held = true, permission = 'granted', attributes } = {}) {
  const host = fakeWindow({ attributes, Notification: fakeNotification(permission) });
  const theirs = new FakeRegistration('https://shop.example/', `https://shop.example${THEIR_FILE}?appId=7`);
  if (held) theirs.pushManager.held = theirs.pushManager.subscription('https://push.example/theirs', OTHER_KEY);
  host.navigator.serviceWorker.registrations.push(theirs);
  return { theirs, host };
}

/** The same with the room's file in the page already, as after its load. */
function arrive({ host }, attributes) {
  const document = { ...fakeWindow({ attributes }).document };
  openRoom(host, 'takeover', makeTakeover);
  const rooms = Object.getOwnPropertySymbols(host)[0];
  return visit({
    document, gateway: host.gateway, indexedDB: host.indexedDB, Notification: host.Notification, navigator: host.navigator,
    [rooms]: host[rooms],
  });
}

test('a visitor of the other provider is with us after one visit, unasked, and theirs is untouched', async () => {
  const browser = browserOfTheirs();
  const { ready, gateway, host, events } = await arrive(browser, MIGRATES);
  assert.deepEqual([ready.ok, ready.subscribed, host.Notification.asked, events], [true, true, 0, ['subscribed']]);
  assert.equal(gateway.only().consent.text, `carried over from ${THEIR_FILE}`);
  assert.deepEqual([browser.theirs.isGone, (await browser.theirs.pushManager.getSubscription()).endpoint],
    [false, 'https://push.example/theirs']);
});

test('with data-migrate-end theirs is ended once the visitor is with us, and nobody else\'s', async () => {
  const browser = browserOfTheirs();
  const pwa = new FakeRegistration('https://shop.example/app/', 'https://shop.example/app/sw.js');
  browser.host.navigator.serviceWorker.registrations.push(pwa);
  const { ready } = await arrive(browser, ENDS);
  assert.equal(ready.subscribed, true);
  assert.deepEqual([browser.theirs.isGone, await browser.theirs.pushManager.getSubscription(), pwa.isGone], [true, null, false]);
});

test('a gateway that is away leaves theirs alone: nobody falls between the two', async () => {
  const browser = browserOfTheirs();
  browser.host.gateway.refuse['POST /v1/subscriptions'] = 503;
  const first = await arrive(browser, ENDS);
  assert.deepEqual([first.ready.ok, first.ready.reason, browser.theirs.isGone], [false, 'busy', false]);
  browser.host.gateway.refuse = {};
  const rooms = Object.getOwnPropertySymbols(first.host)[0];
  const second = await revisit(first, { document: first.host.document, [rooms]: first.host[rooms] });
  assert.deepEqual([second.ready.subscribed, browser.theirs.isGone], [true, true]);
});

for (const [what, options, attributes] of [
  ['without data-migrate', {}, {}],
  ['who has left the other provider', { held: false }, MIGRATES],
  ['who has not given permission', { permission: 'default' }, MIGRATES],
  ['who has refused', { permission: 'denied' }, MIGRATES],
  ['whose worker is another file', {}, { migrate: '/Another.js' }],
]) {
  test(`nobody is brought over: ${what}`, async () => {
    const browser = browserOfTheirs(options);
    const { ready, gateway, host } = await arrive(browser, attributes);
    assert.deepEqual([ready.subscribed, gateway.devices.size, host.Notification.asked], [false, 0, 0]);
    assert.equal(browser.theirs.isGone, false);
  });
}

test('who comes over and leaves is not fetched back by the next visit', async () => {
  const first = await arrive(browserOfTheirs(), MIGRATES);
  await first.steeple.unsubscribe();
  const second = await arrive(first, MIGRATES);
  assert.deepEqual([second.ready.subscribed, second.gateway.devices.size], [false, 0]);
});

test('who left us before the shop moved is not fetched back by way of the other provider', async () => {
  const browser = browserOfTheirs();
  const first = await arrive(browser, {});
  await first.steeple.subscribe();
  await first.steeple.unsubscribe();
  const second = await arrive(first, MIGRATES);
  assert.deepEqual([second.ready.subscribed, second.gateway.devices.size], [false, 0]);
});

test('the room is not asked for again once a browser has come over', async () => {
  const first = await arrive(browserOfTheirs(), MIGRATES);
  const second = await revisit(first, { document: { ...first.host.document } }); // in this page nothing can be loaded
  assert.deepEqual([second.ready.ok, second.ready.subscribed], [true, true]);
});

test('who came over while both reached them is with us alone once the shop says so', async () => {
  const browser = browserOfTheirs();
  const first = await arrive(browser, MIGRATES);
  await arrive(first, MIGRATES);
  assert.equal(browser.theirs.isGone, false);
  const last = await arrive(first, ENDS);
  assert.deepEqual([last.ready.subscribed, browser.theirs.isGone, await browser.theirs.pushManager.getSubscription()], [true, true, null]);
});

test('a worker is known by its file, whatever its query and state', () => {
  const at = (state, scriptURL) => ({ [state]: { scriptURL } });
  const page = 'https://shop.example/cart';
  assert.ok(isOf(at('active', 'https://shop.example/a.js?x=1'), '/a.js', page));
  assert.ok(isOf(at('waiting', 'https://shop.example/a.js'), 'https://shop.example/a.js', page));
  assert.ok(!isOf(at('active', 'https://shop.example/b/a.js'), '/a.js', page));
  assert.ok(!isOf({}, '/a.js', page));
});

for (const [isOurs, isTheirs, ends, step] of [
  [false, true, true, 'enrol'], [false, true, false, 'enrol'], [false, false, true, 'wait'], [false, false, false, 'wait'],
  [true, true, true, 'end'], [true, false, true, 'end'], [true, true, false, 'over'], [true, false, false, 'over'],
]) {
  test(`ours ${isOurs}, theirs ${isTheirs}, ends ${ends}: ${step}`, () => {
    assert.equal(decideTakeover({ isOurs, isTheirs, ends }), step);
  });
}
