// A click leads to the shop and nowhere else, whatever a sender wrote into the message.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allowedLink, clickTarget } from '../src/links.js';

const ORIGIN = 'https://shop.example';
const HOSTS = ['shop.example', 'www.shop.example', 'blog.example:8443'];

const hostile = [
  'javascript:alert(1)', 'JaVaScRiPt:alert(1)', ' javascript:alert(1)', 'java\tscript:alert(1)', 'java\nscript:alert(1)',
  'data:text/html,<script>1</script>', 'blob:https://shop.example/1', 'file:///etc/passwd', 'vbscript:x', 'about:blank',
  'filesystem:https://shop.example/x', 'intent://evil/#Intent;end', 'ws://shop.example/', 'mailto:a@shop.example', 'tel:112',
  '//evil.example', '///evil.example', '/\\evil.example', '\\\\evil.example', '/\t/evil.example', '/\n/evil.example',
  'https:\\\\evil.example', 'https://shop.example\\@evil.example/', '/a\\b', 'https:///evil.example', 'https:/\\evil.example', 'https://evil.example',
  'https://shop.example@evil.example/', 'https://user:pw@shop.example/', 'https://evil.example/?u=https://shop.example',
  'https://evil.example#shop.example', 'https://shop.example.evil.example/', 'https://evilshop.example/',
  'https://shop.example./', 'https://shop.example:444/', 'https://blog.example/', 'https://sh\u043ep.example/',
  'https://shop.example\u3002evil.example/', 'https://shop.example%2eevil.example/', 'https://[::1]/', 'https://2130706433/',
  'http://evil.example/', 'https://shop.example/\u0000', 'https://shop.example/\r\nX: y', 'https://', 'http://', '\u0000', ' ', '',
  `https://shop.example/${'a'.repeat(2048)}`, null, undefined, 7, {}, [], ['https://shop.example/'], true,
];

for (const raw of hostile) {
  test(`refuses ${JSON.stringify(raw)?.slice(0, 60)}`, () => {
    assert.equal(allowedLink(raw, ORIGIN, HOSTS), null);
  });
}

const fine = [
  ['https://shop.example/sale', 'https://shop.example/sale'],
  ['HTTPS://SHOP.EXAMPLE/sale', 'https://shop.example/sale'],
  ['/sale?x=1#top', 'https://shop.example/sale?x=1#top'],
  ['sale', 'https://shop.example/sale'],
  ['https:sale', 'https://shop.example/sale'],
  ['https://shop.example:443/', 'https://shop.example/'],
  ['https://www.shop.example/', 'https://www.shop.example/'],
  ['http://www.shop.example/', 'http://www.shop.example/'],
  ['https://blog.example:8443/post', 'https://blog.example:8443/post'],
  ['?q=javascript:alert(1)', 'https://shop.example/?q=javascript:alert(1)'],
];

for (const [raw, opened] of fine) {
  test(`opens ${raw}`, () => assert.equal(allowedLink(raw, ORIGIN, HOSTS), opened));
}

test('the own origin needs no list, a stored list may be damaged', () => {
  for (const hosts of [undefined, null, 'shop.example', {}]) {
    assert.equal(allowedLink('https://shop.example/a', ORIGIN, hosts), 'https://shop.example/a');
    assert.equal(allowedLink('https://other.example/a', ORIGIN, hosts), null);
  }
});

test('a button opens its own link, else the message\'s, else the front page', () => {
  const links = { navigate: '/sale', actions: { buy: '/cart', bad: 'javascript:alert(1)' } };
  assert.equal(clickTarget(links, 'buy', ORIGIN, HOSTS), 'https://shop.example/cart');
  assert.equal(clickTarget(links, 'later', ORIGIN, HOSTS), 'https://shop.example/sale');
  assert.equal(clickTarget(links, '', ORIGIN, HOSTS), 'https://shop.example/sale');
  assert.equal(clickTarget(links, 'bad', ORIGIN, HOSTS), 'https://shop.example/');
  assert.equal(clickTarget({}, '', ORIGIN, HOSTS), 'https://shop.example/');
});
