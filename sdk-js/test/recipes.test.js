// The tags of docs/how-to/google-tag-manager.md, run as Tag Manager runs them: as scripts of the page, before ours loads.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import vm from 'node:vm';
import { boot } from '../src/loader.js';
import { fakeNotification, fakeWindow } from './fakes/window.js';

const page = await readFile(new URL('../../docs/how-to/google-tag-manager.md', import.meta.url), 'utf8');
const tags = [...page.matchAll(/^```html\n<script>\n(.*?)<\/script>\n```/gms)].map(([, code]) => code);

/** A script element as far as the tag fills it in; `dataset` follows the attributes, as in a browser. */
function fakeScript() {
  const script = { dataset: {}, setAttribute(name, value) { script.dataset[name.replace('data-', '')] = value; } };
  return script;
}

test('the tags load Steeple, give consent, track and listen to the button', async () => {
  const appended = [];
  const button = { addEventListener(name, listener) { button[name] = listener; } };
  const host = fakeWindow({ Notification: fakeNotification() });
  host.gateway.config.app = 'app_0123456789abc';
  Object.assign(host.document, {
    createElement: fakeScript, head: { appendChild: (script) => appended.push(script) }, querySelector: (selector) => (selector === '#push-on' ? button : null),
  });
  host.window = host;
  assert.equal(tags.length, 4);
  const variables = { '{{Event}}': '"add_to_cart"', '{{ecommerce}}': '{"currency":"EUR","value":12.5,"items":[]}' };
  const filled = tags.map((code) => code.replace(/\{\{\w+\}\}/g, (name) => variables[name]));
  filled.forEach((code) => vm.runInNewContext(code, host));

  const [script] = appended;
  assert.equal(script.src, 'https://push.shop.example/sdk/v1/steeple.js');
  const calls = [];
  host.document.currentScript = script;
  const queued = host.Steeple;
  assert.equal(queued.length, 3);
  boot(host);
  await new Promise((resolve) => { host.Steeple.on('ready', resolve); });
  assert.equal(host.gateway.calls[0].url, 'https://push.shop.example/v1/sdk/config?app=app_0123456789abc');
  button.click();
  assert.equal(host.Notification.asked, 1);

  queued[1]({ track: (...given) => calls.push(given) });
  assert.deepEqual(JSON.parse(JSON.stringify(calls)), [['add_to_cart', { currency: 'EUR', value: 12.5, items: [] }]]);
});
