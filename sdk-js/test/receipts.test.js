// Receipts survive a lost connection, within bounds, and never come back once settled.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AGE_MAX_MS, BATCH_MAX, enqueue, flush, isSettled, QUEUE_MAX, keep, without } from '../src/receipts.js';
import { openStore } from '../src/store.js';
import { FakeIndexedDB } from './fakes/indexeddb.js';

const NOW = Date.parse('2026-12-01T10:00:00Z');
const receipt = (token, kind = 'shown', at_ms = NOW) => ({ token, kind, at: new Date(at_ms).toISOString() });
const many = (count) => Array.from({ length: count }, (_, index) => receipt(`t${index}`));
const newStore = () => openStore({ indexedDB: new FakeIndexedDB() });

test('the queue is bounded and keeps the newest', () => {
  const queue = enqueue(many(QUEUE_MAX), receipt('new'), NOW);
  assert.equal(queue.length, QUEUE_MAX);
  assert.equal(queue.at(-1).token, 'new');
  assert.equal(queue[0].token, 't1');
});

test('receipts older than the token\'s life are dropped', () => {
  const queue = enqueue([receipt('old', 'shown', NOW - AGE_MAX_MS), receipt('young', 'shown', NOW - AGE_MAX_MS + 1)], receipt('new'), NOW);
  assert.deepEqual(queue.map((one) => one.token), ['young', 'new']);
});

test('a damaged time counts as old', () => {
  assert.equal(enqueue([{ token: 'x', kind: 'shown', at: 'never' }], receipt('new'), NOW).length, 1);
});

test('the same token and kind stand in the queue once', () => {
  const queue = enqueue(enqueue(undefined, receipt('a'), NOW), receipt('a'), NOW);
  assert.equal(queue.length, 1);
  assert.equal(enqueue(queue, receipt('a', 'clicked'), NOW).length, 2);
});

test('what was added while a batch travelled stays', () => {
  assert.deepEqual(without([receipt('a'), receipt('b')], [receipt('a')]).map((one) => one.token), ['b']);
});

test('an answer settles a batch when asking again is pointless', () => {
  assert.deepEqual([200, 202, 400, 413, 422, 408, 429, 500, 503, 0].map((status) => isSettled({ status })),
    [true, true, true, true, true, false, false, false, false, false]);
});

test('offline receipts wait, and go with the next event, in batches the gateway takes', async () => {
  const store = newStore();
  const batches = [];
  let status = 0;
  const call = async (_method, _path, { body }) => {
    batches.push(body.receipts.length);
    return { status, body: null };
  };
  const first = Array.from({ length: 45 }, (_, index) => ({ ...receipt(`t${index}`), at: new Date().toISOString() }));
  await store.set('receipts', first);
  await flush(store, call);
  assert.deepEqual(batches, [BATCH_MAX], 'one attempt while nothing answers');
  assert.equal((await store.get('receipts')).length, 45);
  status = 202;
  batches.length = 0;
  await keep(store, { ...receipt('last', 'clicked'), at: new Date().toISOString() });
  await flush(store, call);
  assert.deepEqual(batches, [20, 20, 6]);
  assert.deepEqual(await store.get('receipts'), []);
});

test('receipts sent by two events at once are all sent', async () => {
  const store = newStore();
  const sent = new Set();
  const call = async (_method, _path, { body }) => {
    body.receipts.forEach((one) => sent.add(one.token));
    return { status: 202, body: null };
  };
  const at = new Date().toISOString();
  await Promise.all(['a', 'b', 'c'].map((token) => keep(store, { token, kind: 'shown', at }).then(() => flush(store, call))));
  assert.deepEqual([...sent].sort(), ['a', 'b', 'c']);
  assert.deepEqual(await store.get('receipts'), []);
});
