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

/** The options of the manual's table as a script reads them: `data-prompt-accent-text` is `promptAccentText`. */
function optionsOf(manual) {
  const rows = manual.split('## Options')[1].split('\n## ')[0].split('\n').filter((line) => line.startsWith('| `data-'));
  return rows.flatMap((row) => {
    const names = [...row.split('|')[1].matchAll(/`(data)?-([a-z-]+)/g)];
    const [family] = names[0][2].split('-');
    const whole = names.map(([, isWhole, name]) => (isWhole ? name : `${family}-${name}`));
    return whole.map((name) => name.replace(/-([a-z])/g, (_, letter) => letter.toUpperCase()));
  });
}

test('each attribute of the script tag is an option in the types', async () => {
  const [types, manual] = await Promise.all([read('../types/index.d.ts'), read('../../docs/reference/sdk.md')]);
  const typed = types.split('interface SteepleOptions')[1].split('\n}')[0];
  const options = optionsOf(manual);
  assert.ok(options.includes('promptAccentText') && options.length > 8, options.join());
  assert.deepEqual(options.filter((name) => !new RegExp(`\\b${name}\\??:`).test(typed)), []);
});

test('what the manual calls an event has its type', async () => {
  const [types, manual] = await Promise.all([read('../types/index.d.ts'), read('../../docs/reference/sdk.md')]);
  const events = [...manual.split('## Events')[1].split('\n## ')[0].matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
  assert.ok(events.length > 4);
  const typed = types.split('interface SteepleEvents')[1].split('}')[0];
  assert.deepEqual(events.filter((name) => !typed.includes(`${name}:`)), []);
});
