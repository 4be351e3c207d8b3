// The types tell of every call there is: a call that is added without its type fails here, and tsc judges the rest.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { startSteeple } from '../src/module.js';
import { fakeWindow } from './fakes/window.js';

const read = (path) => readFile(new URL(path, import.meta.url), 'utf8');

/** Every call of the API by its path, such as "topics.add". */
const pathsOf = (api, before = '') => Object.entries(api).flatMap(([name, value]) => {
  if (typeof value === 'function') return [before + name];
  return typeof value === 'object' && value ? pathsOf(value, `${before}${name}.`) : [];
});

test('each call of the API is made in the page of usage that tsc checks', async () => {
  const api = startSteeple({ gateway: 'https://push.shop.example', app: 'app_1' }, fakeWindow());
  const usage = await read('types/usage.ts');
  const paths = pathsOf(api);
  assert.ok(paths.length > 10);
  assert.deepEqual(paths.filter((path) => !usage.includes(`steeple.${path}(`)), []);
});

test('what the manual calls an event has its type', async () => {
  const [types, manual] = await Promise.all([read('../types/index.d.ts'), read('../../docs/reference/sdk.md')]);
  const events = [...manual.split('## Events')[1].split('\n## ')[0].matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
  assert.ok(events.length > 4);
  const typed = types.split('interface SteepleEvents')[1].split('}')[0];
  assert.deepEqual(events.filter((name) => !typed.includes(`${name}:`)), []);
});
