// The drawer page and worker share: no lost change, and never a reason to fail.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openStore } from '../src/store.js';
import { DeniedIndexedDB, FakeIndexedDB, ThrowingIndexedDB } from './fakes/indexeddb.js';

test('page and worker see each other\'s values', async () => {
  const indexedDB = new FakeIndexedDB();
  await openStore({ indexedDB }).set('device', { id: 'sub_1' });
  assert.deepEqual(await openStore({ indexedDB }).get('device'), { id: 'sub_1' });
});

test('two changes at once both count', async () => {
  const indexedDB = new FakeIndexedDB();
  const [page, worker] = [openStore({ indexedDB }), openStore({ indexedDB })];
  await Promise.all([page, worker, page, worker].map((store) => store.update('count', (count = 0) => count + 1)));
  assert.equal(await page.get('count'), 4);
});

test('undefined removes', async () => {
  const store = openStore({ indexedDB: new FakeIndexedDB() });
  await store.set('device', 1);
  await store.set('device', undefined);
  assert.equal(await store.get('device'), undefined);
});

for (const [what, indexedDB] of [['denied', new DeniedIndexedDB()], ['throwing', new ThrowingIndexedDB()], ['missing', undefined]]) {
  test(`${what} storage: values live as long as the page`, async () => {
    const store = openStore({ indexedDB });
    assert.equal(await store.get('device'), undefined);
    await store.set('device', { id: 'sub_1' });
    await store.update('device', (device) => ({ ...device, seen: true }));
    assert.deepEqual(await store.get('device'), { id: 'sub_1', seen: true });
  });
}

test('what cannot be cloned lives as long as the page, and throws nothing into it', async () => {
  const indexedDB = new FakeIndexedDB();
  const store = openStore({ indexedDB });
  await store.set('identity', { external_id: 'cust-17', signature: () => 'forgotten to be called' });
  assert.equal((await store.get('identity')).external_id, 'cust-17');
  assert.equal(await openStore({ indexedDB }).get('identity'), undefined);
  await new Promise((resolve) => { setTimeout(resolve, 5); });
});

test('storage that never answers is given up after two seconds', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const pending = openStore({ indexedDB: { open: () => ({}) } }).get('device');
  t.mock.timers.tick(2000);
  assert.equal(await pending, undefined);
});

test('a connection another version closed is opened again', async () => {
  const indexedDB = new FakeIndexedDB();
  let connections = 0;
  const open = indexedDB.open.bind(indexedDB);
  let db;
  indexedDB.open = () => {
    connections += 1;
    const request = open();
    const made = setInterval(() => { if (request.result) { db = request.result; clearInterval(made); } }, 1);
    return request;
  };
  const store = openStore({ indexedDB });
  await store.set('device', 1);
  await new Promise((resolve) => { setTimeout(resolve, 5); });
  db.onversionchange();
  assert.equal(await store.get('device'), 1);
  assert.equal(connections, 2);
});
