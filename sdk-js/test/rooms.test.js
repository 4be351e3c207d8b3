import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRooms, openRoom } from '../src/rooms.js';
import { VERSION } from '../src/version.js';

const options = { gateway: 'https://push.shop.example', nonce: 'n0nce' };

/** A document whose scripts are "loaded" by `run(script)`. */
function pageWith(run) {
  const scripts = [];
  const document = {
    createElement: () => ({}),
    head: {
      append(script) {
        scripts.push(script);
        queueMicrotask(() => run(script));
      },
    },
  };
  return { document, scripts };
}

test('a room is loaded once, from the address of our version, with its hash and the nonce of our tag', async () => {
  const host = pageWith((script) => {
    openRoom(host, 'attic', (core) => ({ greet: () => `hello ${core.name}` }));
    script.onload();
  });
  openRoom(host, 'more', () => ({ attic: 'sha256-abc=' }));
  const enter = createRooms({ host, options, core: { name: 'Ada' } });
  const [first, second] = await Promise.all([enter('attic'), enter('attic')]);
  assert.equal(first.greet(), 'hello Ada');
  assert.equal(first, second);
  assert.equal(await enter('attic'), first);
  const [{ src, integrity, nonce, crossOrigin }] = host.scripts;
  assert.equal(host.scripts.length, 1);
  assert.equal(src, `https://push.shop.example/sdk/${VERSION}/attic.js`);
  assert.deepEqual([integrity, nonce, crossOrigin], ['sha256-abc=', 'n0nce', 'anonymous']);
});

test('the register of rooms is loaded first, with the hash that the page script carries', async () => {
  const host = pageWith((script) => {
    const name = script.src.split('/').pop().replace('.js', '');
    openRoom(host, name, () => (name === 'more' ? { attic: 'sha256-abc=', cellar: 'sha256-def=' } : name));
    script.onload();
  });
  const enter = createRooms({ host, options, core: {}, registerHash: 'sha256-reg=' });
  assert.deepEqual(await Promise.all([enter('attic'), enter('cellar')]), ['attic', 'cellar']);
  assert.deepEqual(host.scripts.map(({ src, integrity }) => [src.split('/').pop(), integrity]),
    [['more.js', 'sha256-reg='], ['attic.js', 'sha256-abc='], ['cellar.js', 'sha256-def=']]);
});

test('a room that stands in the page already is not loaded again', async () => {
  const host = pageWith(() => assert.fail('loaded'));
  openRoom(host, 'attic', () => 'the attic');
  assert.equal(await createRooms({ host, options, core: {} })('attic'), 'the attic');
});

test('a room that does not load says so, and is tried again by the next call', async () => {
  let fails = true;
  const host = pageWith((script) => {
    if (fails) return script.onerror();
    openRoom(host, 'attic', () => 'the attic');
    return script.onload();
  });
  openRoom(host, 'more', () => ({}));
  const enter = createRooms({ host, options, core: {} });
  await assert.rejects(enter('attic'), { reason: 'room_missing' });
  fails = false;
  assert.equal(await enter('attic'), 'the attic');
});

test('a file that holds no such room is as good as missing', async () => {
  const host = pageWith((script) => script.onload());
  await assert.rejects(createRooms({ host, options, core: {} })('attic'), { reason: 'room_missing' });
});
