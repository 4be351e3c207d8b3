// A message that was sent wrongly is taken back: what is closed, what is shown, and what may pass unseen where.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mayBeQuiet, QUIET_EVERY_MS } from '../src/recall.js';
import { openStore } from '../src/store.js';
import { listen } from '../src/listen.js';
import { agents, fakeWorkerScope, message } from './fakes/worker-scope.js';

function awake(overrides) {
  const scope = fakeWorkerScope(overrides);
  listen(scope);
  return scope;
}

const browser = (name) => awake({ navigator: { userAgent: agents[name], language: 'nl' } });
const safari = () => browser('safari');
const firefox = () => browser('firefox');
const neutral = (fields = {}, marks = {}) => message(
  { title: 'My shop', body: 'This message was withdrawn.', tag: 'msg_1', silent: true, ...fields },
  { m: 'msg_2', t: 'token-2', r: 'msg_1', q: 1, ...marks },
);
const correction = (fields = {}) => message({ title: 'Sorry', tag: 'msg_1', ...fields }, { m: 'msg_2', t: 'token-2', r: 'msg_1' });
const titles = (list) => list.map((one) => one.title);
const kinds = (scope) => scope.gateway.receipts.map(({ kind, token }) => [kind, token]);
const DAY_MS = 24 * 3600 * 1000;

const QUIET = [
  // engine, free, days since the last, may it pass?
  ['WebKit', true, undefined, false],
  ['WebKit', false, undefined, false],
  ['Chromium', true, 0, true],
  ['Chromium', false, undefined, false],
  ['Gecko', true, 0, true],
  ['Gecko', false, undefined, true],
  ['Gecko', false, 0, false],
  ['Gecko', false, 6.9, false],
  ['Gecko', false, 7, true],
  ['Gecko', false, -6, false], // the clock was set back
  ['Gecko', false, -400, true],
];
for (const [engine, isFree, days, expected] of QUIET) {
  test(`${engine}, ${isFree ? 'free' : 'not free'}, ${days} days after the last: ${expected ? 'may' : 'may not'} be quiet`, () => {
    const now_ms = 1e12;
    const last_ms = days === undefined ? undefined : now_ms - days * DAY_MS;
    const engines = { isWebKit: engine === 'WebKit', isGecko: engine === 'Gecko' };
    assert.equal(mayBeQuiet({ ...engines, isFree, last_ms, now_ms }), expected);
  });
}

test('a week is a week', () => assert.equal(QUIET_EVERY_MS, 7 * DAY_MS));

test('what is taken back is closed, and nothing is shown for it', async () => {
  const scope = firefox();
  await scope.push(message());
  const [wrong] = scope.registration.open;
  await scope.push(neutral());
  assert.deepEqual([titles(scope.registration.open), titles(scope.registration.shown)], [[], ['Sale']]);
  await scope.play('notificationclose', { notification: wrong }); // Firefox tells of our own close()
  assert.deepEqual(kinds(scope), [['shown', 'token-1']]);
});

test('a correction is shown in its place, and counted as shown', async () => {
  const scope = awake();
  await scope.push(message());
  await scope.push(correction());
  assert.deepEqual(titles(scope.registration.open), ['Sorry']);
  assert.deepEqual(kinds(scope), [['shown', 'token-1'], ['shown', 'token-2']]);
});

test('who never saw the first one, or closed it, is shown the correction as well', async () => {
  const scope = awake();
  await scope.push(correction());
  assert.deepEqual(titles(scope.registration.open), ['Sorry']);
});

test('something newer under the same tag is neither closed nor replaced', async () => {
  for (const recall of [neutral, correction]) {
    const scope = awake();
    await scope.push(message({ tag: 'order' }));
    await scope.push(message({ tag: 'order', title: 'Newer' }, { m: 'msg_9', t: 'token-9' }));
    await scope.push(recall({ tag: 'order' }));
    assert.deepEqual(titles(scope.registration.open), recall === neutral ? ['Newer'] : ['Newer', 'Sorry']);
  }
});

test('notifications of the shop\'s own worker stay', async () => {
  const scope = awake();
  await scope.registration.showNotification('Your own', { data: { order: 7 } });
  await scope.registration.showNotification('Bare', {});
  await scope.push(message());
  await scope.push(neutral());
  assert.deepEqual(titles(scope.registration.open), ['Your own', 'Bare']);
});

test('on Safari each recall is shown: the neutral line takes the place of what was wrong, without a sound', async () => {
  const scope = safari();
  for (const number of [1, 2, 3]) {
    await scope.push(message({}, { m: `msg_${number}`, t: `token-${number}` }));
    await scope.push(neutral({ tag: `msg_${number}` }, { m: `msg_1${number}`, r: `msg_${number}` }));
  }
  assert.deepEqual(titles(scope.registration.open), ['My shop', 'My shop', 'My shop']);
  assert.equal(scope.registration.shown.length, 6);
  assert.ok(scope.registration.open.every((one) => one.silent));
});

test('Chromium, with no tab and no other notification, is shown the neutral line before it shows one of its own', async () => {
  const scope = awake();
  await scope.push(message());
  await scope.push(neutral());
  assert.deepEqual(titles(scope.registration.open), ['My shop']);
});

test('a tab in the background is not looked at', async () => {
  const scope = awake();
  scope.clients.addTab('https://shop.example/').visibilityState = 'hidden';
  await scope.push(neutral());
  assert.deepEqual(titles(scope.registration.shown), ['My shop']);
});

test('Firefox: a second quiet one within a week shows the neutral line; after a week one may pass again', async () => {
  const scope = firefox();
  const takeBack = (number) => scope.push(neutral({ tag: `msg_${number}` }, { m: `msg_1${number}`, r: `msg_${number}` }));
  await takeBack(1);
  assert.deepEqual(titles(scope.registration.shown), []);
  await takeBack(2);
  assert.deepEqual(titles(scope.registration.shown), ['My shop']);
  scope.registration.open[0].close();
  await openStore(scope).update('quiet_at_ms', (at_ms) => at_ms - 7 * DAY_MS);
  await takeBack(3);
  assert.equal(scope.registration.shown.length, 1);
});

test('while a tab of the shop is looked at, or another notification is there, nothing need be shown, and no week is used', async () => {
  for (const scope of [awake(), firefox()]) {
    const tab = scope.clients.addTab('https://shop.example/');
    tab.visibilityState = 'visible';
    await scope.push(neutral({}, { m: 'msg_11', r: 'msg_1' }));
    await scope.push(neutral({}, { m: 'msg_12', r: 'msg_2' }));
    tab.visibilityState = 'hidden';
    await scope.registration.showNotification('Other', {});
    await scope.push(neutral({}, { m: 'msg_13', r: 'msg_3' }));
    assert.deepEqual(titles(scope.registration.shown), ['Other']);
    assert.equal(await openStore(scope).get('quiet_at_ms'), undefined);
  }
});

test('a message that comes after its recall is not shown any more', async () => {
  const scope = firefox();
  await scope.push(neutral());
  await scope.push(message());
  assert.deepEqual(titles(scope.registration.shown), []);
});

test('a recall that comes twice does its work once', async () => {
  const scope = awake();
  await scope.push(message());
  await scope.push(correction());
  scope.registration.open[0].close();
  await scope.push(correction());
  assert.deepEqual(titles(scope.registration.shown), ['Sale', 'Sorry']);
});

test('a browser that does not tell what is open is shown the line rather than nothing', async () => {
  const scope = awake();
  await scope.push(message());
  scope.registration.getNotifications = async () => { throw new TypeError('not now'); };
  await scope.push(neutral());
  assert.deepEqual(titles(scope.registration.open), ['My shop']);
});

test('the second recall of a message takes back the first, and its people hear the last word only', async () => {
  const scope = awake();
  await scope.push(message());
  await scope.push(correction());
  await scope.push(message({ title: 'Really sorry', tag: 'msg_1' }, { m: 'msg_3', t: 'token-3', r: 'msg_2' }));
  assert.deepEqual(titles(scope.registration.open), ['Really sorry']);
});
