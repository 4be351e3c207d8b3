// The script tag says it all, or the defaults do.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readFileSync } from 'node:fs';
import { ownTag, readOptions } from '../src/options.js';
import { describe, disguise, isGecko, isWebKit, locale } from '../src/platform.js';
import { judgeScript } from '../src/registration.js';
import { keyBytes, keyText } from '../src/key.js';
import { VERSION } from '../src/version.js';
import { fakeTag } from './fakes/window.js';

const PAGE = new URL('https://shop.example/cart/checkout');
const options = (attributes, src) => readOptions(fakeTag(attributes, src), PAGE);

test('with only an app, everything else follows from the addresses', () => {
  assert.deepEqual(options({}), {
    app: 'app_1', gateway: 'https://push.shop.example', worker: 'https://shop.example/steeple/worker.js',
    scope: 'https://shop.example/steeple/', language: undefined, needsConsent: false, sendsReceipts: true,
    data: { app: 'app_1' }, nonce: '',
  });
});

test('the scope is the worker\'s folder unless said otherwise', () => {
  assert.equal(options({ worker: '/a/b/w.js' }).scope, 'https://shop.example/a/b/');
  assert.equal(options({ worker: '/sw.js' }).scope, 'https://shop.example/');
  assert.equal(options({ worker: '/a/w.js', scope: '/b/' }).scope, 'https://shop.example/b/');
});

test('the gateway is where the script came from, a proxied folder included, or as said', () => {
  assert.equal(options({}, 'https://shop.example/p/sdk/v1/steeple.js').gateway, 'https://shop.example/p');
  assert.equal(options({}, 'https://cdn.example/steeple.js').gateway, 'https://cdn.example');
  assert.equal(options({ gateway: 'https://push.example/' }).gateway, 'https://push.example');
});

test('a tag without currentScript is found by its address', () => {
  const tag = fakeTag();
  assert.equal(ownTag({ currentScript: null, querySelector: () => tag }), tag);
});

const agents = [
  ['Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36', 'chrome', 'windows', false],
  ['Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36 Edg/156.0', 'edge', 'windows', false],
  ['Mozilla/5.0 (X11; CrOS x86_64 16000) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36 OPR/140.0', 'opera', 'linux', false],
  ['Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/29.0 Chrome/136.0.0.0 Mobile Safari/537.36', 'samsung', 'android', false],
  ['Mozilla/5.0 (Android 15; Mobile; rv:153.0) Gecko/153.0 Firefox/153.0', 'firefox', 'android', false],
  ['Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.4 Safari/605.1.15', 'safari', 'macos', true],
  ['Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) AppleWebKit/605.1.15 CriOS/156.0 Mobile Safari/604.1', 'chrome', 'ios', true],
  ['curl/8', 'other', 'other', false],
];

for (const [userAgent, platform, os, webkit] of agents) {
  test(`${platform} on ${os} is recognised`, () => {
    const described = describe({ userAgent });
    assert.deepEqual([described.platform, described.os, isWebKit({ userAgent })], [platform, os, webkit]);
    assert.equal(isGecko({ userAgent }), platform === 'firefox');
  });
}

test('an iPad that calls itself a Mac is iOS, which the gateway is told; it reads everything else itself', () => {
  const ipad = { userAgent: agents[5][0], maxTouchPoints: 5 };
  assert.equal(describe(ipad).os, 'ios');
  assert.deepEqual([disguise(ipad), disguise({ userAgent: agents[5][0], maxTouchPoints: 0 })], [{ os: 'ios' }, {}]);
});

test('the language is the shop\'s choice, else the browser\'s', () => {
  assert.equal(locale({ navigator: { language: 'nl' } }, 'fr').language, 'fr');
  assert.equal(locale({ navigator: { language: 'nl' } }, null).language, 'nl');
  assert.equal(locale({}, null).language, undefined);
});

test('a registered script is ours, stale or foreign', () => {
  const wanted = 'https://shop.example/steeple/worker.js?app=app_1';
  assert.equal(judgeScript(wanted, wanted), 'ours');
  assert.equal(judgeScript('https://shop.example/steeple/worker.js?app=app_2', wanted), 'stale');
  assert.equal(judgeScript('https://shop.example/steeple/worker.js', wanted), 'ours');
  assert.equal(judgeScript('https://shop.example/sw.js', wanted), 'foreign');
});

test('keys survive the way from text to bytes and back', () => {
  const bytes = Uint8Array.from({ length: 65 }, (_, index) => 255 - index);
  assert.deepEqual(keyBytes(keyText(bytes.buffer)), bytes);
  assert.equal(keyText(null), null);
  assert.throws(() => keyBytes('not base64url!'));
});

test('the version in the source is the package\'s', () => {
  assert.equal(VERSION, JSON.parse(readFileSync(new URL('../package.json', import.meta.url))).version);
});
