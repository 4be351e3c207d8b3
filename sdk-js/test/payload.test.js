// Whatever arrives becomes something a person can read.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readPush } from '../src/payload.js';
import { message } from './fakes/worker-scope.js';

const LIMITS = { title: 'Shop', actionsMax: 2 };
const readMessage = (fields, marks) => readPush(JSON.stringify(message(fields, marks)), LIMITS);

test('a full message keeps its fields and loses only what is not ours to pass on', () => {
  const { title, options, message: id, token } = readMessage({ icon: '/i.png', dir: 'ltr', data: { order: 7 } });
  assert.deepEqual([title, id, token], ['Sale', 'msg_1', 'token-1']);
  assert.deepEqual(options, {
    body: 'Now', icon: '/i.png', dir: 'ltr', tag: 'msg_1',
    data: { order: 7, steeple: { m: 'msg_1', t: 'token-1', links: { navigate: 'https://shop.example/sale', actions: {} } } },
  });
});

for (const raw of [null, '', 'hello', '{', '[]', 'null', '7', '{"notification":[]}', '{"notification":"x"}', '{"title":"x"}']) {
  test(`${JSON.stringify(raw)} becomes the neutral notification`, () => {
    const { title, options } = readPush(raw, LIMITS);
    assert.equal(title, 'Shop');
    assert.equal(options.body, undefined);
  });
}

test('a missing or wrong title falls back, the body stays', () => {
  for (const title of [undefined, '', 7, {}, null]) {
    const push = readMessage({ title });
    assert.deepEqual([push.title, push.options.body], ['Shop', 'Now']);
  }
});

test('fields of the wrong kind are dropped one by one', () => {
  const wrong = { body: 7, icon: 'javascript:1', image: '//evil.example/x', badge: {}, dir: 'up', silent: 'yes', renotify: 1, timestamp: 'now', requireInteraction: 0, lang: [] };
  assert.deepEqual(Object.keys(readMessage(wrong).options).sort(), ['data', 'tag']);
});

test('the tag is the shop\'s, else the message id, so that a second delivery replaces the first', () => {
  assert.equal(readMessage({ tag: 'order-7' }).options.tag, 'order-7');
  assert.equal(readMessage({}).options.tag, 'msg_1');
});

test('renotify without any tag would be a TypeError and is dropped', () => {
  assert.equal('renotify' in readMessage({ renotify: true }, { m: undefined }).options, false);
  assert.equal(readMessage({ renotify: true }).options.renotify, true);
});

test('no more buttons than the browser has room for', () => {
  const actions = ['a', 'b', 'c'].map((action) => ({ action, title: action, navigate: `/${action}` }));
  assert.deepEqual(readMessage({ actions }).options.actions.map((one) => one.action), ['a', 'b']);
  assert.deepEqual(readMessage({ actions }).options.data.steeple.links.actions, { a: '/a', b: '/b' });
  const none = readPush(JSON.stringify(message({ actions })), { ...LIMITS, actionsMax: 0 });
  assert.equal('actions' in none.options, false);
});

test('broken buttons are left out', () => {
  const actions = [null, 'x', { action: 'a' }, { title: 'A' }, { action: 'ok', title: 'OK', icon: 'data:x' }];
  assert.deepEqual(readMessage({ actions }).options.actions, [{ action: 'ok', title: 'OK', icon: undefined }]);
});

test('navigate is never handed to the browser, which would open it unchecked', () => {
  assert.equal('navigate' in readMessage({}).options, false);
});

test('the delay of receipts is a figure, and bounded', () => {
  const spread = (d) => readMessage({}, { d }).spread_s;
  assert.deepEqual([5, 1e9, -1, 'x', undefined, Infinity].map(spread), [5, 25, 0, 0, 0, 0]);
});

test('the icon\'s count is a number or a numeric text', () => {
  const badge = (app_badge) => readMessage({ app_badge }).badge;
  assert.deepEqual([0, 3, '4', '', 'x', -1, 1.5, null, undefined].map(badge), [0, 3, 4, null, null, null, null, null, null]);
});
