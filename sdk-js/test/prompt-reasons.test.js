// Why a prompt comes up or does not, what it says and how it looks: the pure half of the room of prompts.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { decideScheme, schemeOf } from '../src/cards/scheme.js';
import { readableOn, themeSheet } from '../src/cards/colours.js';
import { helpFamily } from '../src/prompts/help.js';
import { directionOf, languageOf, WORDS, wordsFor } from '../src/prompts/languages.js';
import {
  DAY_MS, declined, hasOrdered, isQuiet, mayAsk, mended, ordered, refused, seen, shown, stranger, UNANSWERED_MAX, VISIT_MS,
} from '../src/prompts/memory.js';
import { isForPage, isLike, isMoment, isStanding } from '../src/prompts/rules.js';
import { trackedFacts } from '../src/prompts/markup.js';
import { drawVariant } from '../src/prompts/variant.js';
import { askView, consentText, guideView, helpView, invitationView, openingOf } from '../src/prompts/views.js';

const NOW = Date.UTC(2026, 10, 22, 9);
const DAYS = [3, 7, 30];
const FACTS = { permission: 'default', subscribed: false, opted_out: false, is_kept: true };
const RULES = {
  is_automatic: true, page_views: 1, delay_s: 0, scroll_percent: null, exit_intent: false, include: [], exclude: [],
  after_order: false, cart_value_over: null,
};
const PAGE = { path: '/', page_views: 1, has_ordered: false, cart_value: null };
const words = (language) => JSON.parse(readFileSync(new URL(`../src/prompts/words/${language}.json`, import.meta.url), 'utf8'));

for (const [path, pattern, fits] of [
  ['/', '/*', true], ['/sale', '/sale', true], ['/sale/', '/sale', false], ['/sale', '/sal', false],
  ['/a/checkout/b', '*checkout*', true], ['/checkout', '/checkout*', true], ['/my/checkout', '/checkout*', false],
  ['/nl/p/7', '/*/p/*', true], ['/p/7', '/*/p/*', false], ['/aXbXc', '/a*b*c', true], ['/ab', '/ab*b', false],
  ['/a.b', '/a?b', false], ['/anything', '*', true], ['/aba', '/ab*ba', false],
]) {
  test(`the path ${path} is ${fits ? '' : 'not '}like ${pattern}`, () => assert.equal(isLike(path, pattern), fits));
}

test('a pattern of many stars on a long path takes no time', () => {
  const began = performance.now();
  assert.equal(isLike(`/${'a'.repeat(2000)}`, `${'*a'.repeat(500)}*b`), false);
  assert.ok(performance.now() - began < 200);
});

test('exclusion wins over inclusion, and no inclusion means everywhere', () => {
  assert.equal(isForPage({ include: [], exclude: [] }, '/x'), true);
  assert.equal(isForPage({ include: ['/shop*'], exclude: [] }, '/x'), false);
  assert.equal(isForPage({ include: ['/shop*'], exclude: ['/shop/cart'] }, '/shop/cart'), false);
});

for (const [name, rules, facts, holds] of [
  ['the second page view', { page_views: 2 }, { page_views: 1 }, false],
  ['the second page view', { page_views: 2 }, { page_views: 2 }, true],
  ['an order', { after_order: true }, {}, false],
  ['an order', { after_order: true }, { has_ordered: true }, true],
  ['a cart over 50', { cart_value_over: 50 }, {}, false],
  ['a cart over 50', { cart_value_over: 50 }, { cart_value: 50 }, false],
  ['a cart over 50', { cart_value_over: 50 }, { cart_value: 50.01 }, true],
  ['a page that is excluded', { exclude: ['/checkout*'] }, { path: '/checkout/1' }, false],
]) {
  test(`a prompt that waits for ${name} ${holds ? 'comes' : 'does not come'} with ${JSON.stringify(facts)}`, () => {
    assert.equal(isStanding({ ...RULES, ...rules }, { ...PAGE, ...facts }), holds);
  });
}

test('scroll and exit are either enough, and without them the delay alone decides', () => {
  const look = { scrolled_percent: 40, is_leaving: false };
  assert.equal(isMoment(RULES, look), true);
  assert.equal(isMoment({ ...RULES, scroll_percent: 50 }, look), false);
  assert.equal(isMoment({ ...RULES, scroll_percent: 40 }, look), true);
  assert.equal(isMoment({ ...RULES, exit_intent: true }, { ...look, scrolled_percent: 100 }), false);
  assert.equal(isMoment({ ...RULES, scroll_percent: 50, exit_intent: true }, { ...look, is_leaving: true }), true);
});

test('after a no there is peace for 3 days, then 7, then 30, and 30 again', () => {
  let memory = stranger(0.5);
  let now = NOW;
  for (const days of [3, 7, 30, 30]) {
    assert.equal(mayAsk(memory, FACTS, now), true);
    memory = declined(memory, DAYS, now);
    assert.equal(mayAsk(memory, FACTS, now + days * DAY_MS - 1), false, `${days} days`);
    now += days * DAY_MS;
  }
  assert.equal(mayAsk(memory, FACTS, now), true);
});

test('after the browser’s own no nobody is asked again, ever', () => {
  const memory = refused(stranger(0.5));
  assert.equal(mayAsk(memory, FACTS, NOW + 5000 * DAY_MS), false); // even where it was reset to "ask" since
  assert.equal(mayAsk(stranger(0.5), { ...FACTS, permission: 'denied' }, NOW), false);
});

test('who is subscribed, has left, or cannot be remembered is not asked unbidden', () => {
  const memory = stranger(0.5);
  assert.equal(mayAsk(memory, FACTS, NOW), true);
  assert.equal(mayAsk(memory, { ...FACTS, subscribed: true, permission: 'granted' }, NOW), false);
  assert.equal(mayAsk(memory, { ...FACTS, opted_out: true }, NOW), false);
  assert.equal(mayAsk(memory, { ...FACTS, is_kept: false }, NOW), false);
});

test('a prompt that is never answered counts as a no', () => {
  let memory = stranger(0.5);
  for (let times = 1; times < UNANSWERED_MAX; times += 1) memory = shown(memory, DAYS, NOW);
  assert.equal(isQuiet(memory, NOW), false);
  memory = shown(memory, DAYS, NOW);
  assert.equal(isQuiet(memory, NOW + 3 * DAY_MS - 1), true);
  assert.equal(isQuiet(memory, NOW + 3 * DAY_MS), false);
});

test('a clock that was years ahead does not silence prompts for years, nor shorten the peace', () => {
  const ahead = declined(stranger(0.5), DAYS, NOW + 4000 * DAY_MS);
  const memory = mended(ahead, NOW);
  assert.equal(isQuiet(memory, NOW + 2 * DAY_MS), true);
  assert.equal(isQuiet(memory, NOW + 3 * DAY_MS), false);
  assert.equal(hasOrdered(mended(ordered(stranger(0.5), NOW + DAY_MS), NOW), NOW + VISIT_MS), false);
});

test('an order counts for the visit it was placed in', () => {
  const memory = ordered(seen(stranger(0.5)), NOW);
  assert.equal(memory.views, 1);
  assert.equal(hasOrdered(memory, NOW + VISIT_MS - 1), true);
  assert.equal(hasOrdered(memory, NOW + VISIT_MS), false);
  assert.equal(hasOrdered(stranger(0.5), NOW), false);
});

test('a visitor keeps their variant, and many visitors divide by weight', () => {
  const variants = [{ name: 'a', weight: 1 }, { name: 'b', weight: 3 }, { name: 'never', weight: 0 }];
  const counts = { a: 0, b: 0, never: 0 };
  for (let at = 0; at < 4000; at += 1) {
    const { seed } = stranger((at * 0.6180339887) % 1);
    const { name } = drawVariant(seed, 'welcome', variants);
    assert.equal(drawVariant(seed, 'welcome', variants).name, name);
    counts[name] += 1;
  }
  assert.equal(counts.never, 0);
  assert.ok(counts.a > 850 && counts.a < 1150, JSON.stringify(counts));
  assert.equal(drawVariant('x', 'welcome', [{ name: 'only', weight: 0 }]).name, 'only');
});

test('two prompts draw apart, and so do visitors who look alike', () => {
  const variants = [{ name: 'a', weight: 1 }, { name: 'b', weight: 1 }];
  const drawn = (slug) => Array.from({ length: 400 }, (_, at) => drawVariant(`seed-${at}`, slug, variants).name);
  const same = drawn('one').filter((name, at) => name === drawn('two')[at]).length;
  assert.ok(same > 140 && same < 260, String(same));
});

for (const [texts, wanted, fallback, language] of [
  [{ nl: {}, en: {} }, ['nl-BE'], null, 'nl'],
  [{ 'pt-BR': {}, en: {} }, ['pt-br'], null, 'pt-BR'],
  [{ 'pt-BR': {}, en: {} }, ['pt-PT'], null, 'pt-BR'],
  [{ 'pt-BR': {}, pt: {} }, ['pt-PT'], null, 'pt'],
  [{ 'pt-PT': {}, 'pt-BR': {} }, ['pt-BR'], null, 'pt-BR'],
  [{ nl: {}, en: {} }, ['fr', 'nl'], null, 'nl'],
  [{ nl: {}, en: {} }, ['fr'], 'nl', 'nl'],
  [{ nl: {}, en: {} }, ['fr'], null, 'en'],
  [{ nl: {}, de: {} }, ['fr'], null, 'nl'],
  [{}, [undefined, 'de-AT'], null, 'de'],
  [{}, ['xx'], 'nl', 'nl'],
  [{}, ['xx'], null, 'en'],
]) {
  test(`texts in ${Object.keys(texts)} for ${wanted} (app: ${fallback}) speak ${language}`, () => {
    assert.equal(languageOf(texts, wanted, fallback), language);
  });
}

test('Arabic and Hebrew run from right to left, with or without a region', () => {
  assert.deepEqual(['ar', 'ar-EG', 'he_IL', 'fa', 'en', 'tr'].map(directionOf), ['rtl', 'rtl', 'rtl', 'rtl', 'ltr', 'ltr']);
});

test('the list of languages is the folder of words, and each says everything that English does', () => {
  const files = readdirSync(new URL('../src/prompts/words/', import.meta.url)).map((name) => name.replace('.json', ''));
  assert.deepEqual([...WORDS].sort(), files.sort());
  const shape = (value) => (Array.isArray(value) ? value.length : typeof value === 'object'
    ? Object.fromEntries(Object.entries(value).map(([name, part]) => [name, shape(part)])) : typeof value);
  for (const language of WORDS) assert.deepEqual(shape(words(language)), shape(words('en')), language);
  assert.equal(wordsFor('nl-BE'), 'nl');
  assert.equal(wordsFor('xx'), 'en');
});

test('only colours and numbers get into a style sheet', () => {
  const sheet = themeSheet({ accent: '#0b57d0', text: 'red}*{display:none', background: null, corner_px: 12, dark: { accent: 'url(//x)' } });
  assert.equal(sheet, ':host{--day-accent:#0b57d0;--day-accent-text:#ffffff;--p-corner:12px;}');
  assert.equal(themeSheet({ corner_px: '1px;}' }), ':host{}');
});

test('light or dark as the page is: by what it says, else by what it is painted on', () => {
  const clear = 'rgba(0, 0, 0, 0)';
  const cases = [
    ['auto', 'light dark', null, []], ['auto', 'dark light', 'light', []], ['light', 'light', 'light dark', []],
    ['dark', 'dark', null, []], ['light', 'only light', null, []], ['auto', 'normal', 'light dark', []],
    ['auto', '', 'dark,light', []], ['dark', undefined, 'dark', ['rgb(255, 255, 255)']],
    ['light', 'normal', null, []], ['light', 'normal', null, [clear, clear]], ['light', 'normal', '', [clear, 'rgb(250, 250, 248)']],
    ['dark', 'normal', null, [clear, 'rgb(18, 22, 28)']], ['dark', 'normal', null, ['rgb(0, 0, 0)', 'rgb(255, 255, 255)']],
    ['dark', 'normal', null, ['rgba(0, 0, 0, 0.2)', 'rgba(20, 20, 20, 0.96)']], ['light', 'normal', null, ['color(srgb 0 0 0)']],
  ];
  for (const [scheme, said, meta, grounds] of cases) assert.equal(decideScheme({ said, meta, grounds }), scheme, `${said} ${meta} ${grounds}`);
  assert.equal(schemeOf({ documentElement: {} }), 'auto');
});

test('a dark scheme without an accent takes the light one’s, readable', () => {
  assert.match(themeSheet({ accent: '#ffd84d', dark: { background: '#101010' } }),
    /--day-accent-text:#000000;--night-accent:#ffd84d;--night-accent-text:#000000;--night-background:#101010;--night-text:#ffffff;/);
});

test('the letters on a colour are readable on every colour (WCAG AA)', () => {
  const share = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  const light = (hex) => [1, 3, 5].reduce((sum, at, index) => sum + [0.2126, 0.7152, 0.0722][index] * share(parseInt(hex.slice(at, at + 2), 16)), 0);
  for (let red = 0; red < 256; red += 15) {
    for (let green = 0; green < 256; green += 15) {
      for (let blue = 0; blue < 256; blue += 51) {
        const ground = `#${[red, green, blue].map((one) => one.toString(16).padStart(2, '0')).join('')}`;
        const [low, high] = [light(ground), light(readableOn(ground))].sort((a, b) => a - b);
        assert.ok((high + 0.05) / (low + 0.05) >= 4.5, ground);
      }
    }
  }
});

for (const [agent, family] of [
  ['Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/156.0 Safari/537.36', 'chrome'],
  ['Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/156.0 Safari/537.36 Edg/156.0', 'chrome'],
  ['Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0', 'firefox'],
  ['Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.4 Safari/605.1.15', 'safari'],
  ['Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/156.0 Mobile Safari/537.36', 'android'],
  ['Mozilla/5.0 (Android 15; Mobile; rv:153.0) Gecko/153.0 Firefox/153.0', 'android_firefox'],
  ['Mozilla/5.0 (Linux; Android 15) SamsungBrowser/29.0 Chrome/136.0 Mobile Safari/537.36', 'samsung'],
  ['Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) Version/18.4 Mobile Safari/604.1', 'ios'],
]) {
  test(`${family} has its own way out of a block`, () => {
    assert.equal(helpFamily({ userAgent: agent, maxTouchPoints: 0 }), family);
    assert.equal(helpView({ words: words('en') }, family).steps.length, 3);
  });
}

for (const [state, opening] of [
  [{ permission: 'default', subscribed: false, reason: null }, 'ask'],
  [{ permission: 'granted', subscribed: false, reason: null }, 'ask'],
  [{ permission: 'granted', subscribed: true, reason: null }, 'on'],
  [{ permission: 'denied', subscribed: false, reason: 'denied' }, 'help'],
  [{ permission: 'default', subscribed: false, reason: 'ios_home_screen' }, 'guide'],
  [{ permission: 'default', subscribed: false, reason: 'unsupported' }, null],
]) {
  test(`a prompt opens with ${opening} for ${JSON.stringify(state)}`, () => assert.equal(openingOf(state), opening));
}

test('the shop’s texts come first, ours fill the gaps, and a topic without a text in the language has its name', () => {
  const topics = [{ slug: 'sale', name: 'Sale', texts: { nl: 'Aanbiedingen' }, is_checked: true }, { slug: 'x', name: 'Stock', texts: {}, is_checked: false }];
  const view = askView({ texts: { title: 'Weet het als eerste' }, words: words('nl'), topics, language: 'nl' });
  assert.equal(view.title, 'Weet het als eerste');
  assert.equal(view.body, words('nl').body);
  assert.deepEqual(view.topics.list.map(({ label, is_checked: on }) => [label, on]), [['Aanbiedingen', true], ['Stock', false]]);
  assert.deepEqual(view.actions.map(({ id }) => id), ['no', 'yes']);
  assert.equal(consentText(view, ['Aanbiedingen']), `Weet het als eerste\n${words('nl').body}\nAanbiedingen\n[${words('nl').yes}]`);
});

test('a shop that writes an empty text wants nothing there', () => {
  const view = askView({ texts: { body: '' }, words: words('en'), topics: [], language: 'en' });
  assert.deepEqual([view.title, view.body], [words('en').title, '']);
});

test('what is part of the page has nothing to send it away with', () => {
  const speech = { texts: {}, words: words('en'), topics: [], language: 'en' };
  assert.deepEqual(invitationView(speech).actions.map(({ id }) => id), ['yes']);
  assert.deepEqual(guideView(speech, true).actions, []);
  assert.deepEqual(helpView(speech, 'chrome', true).actions, []);
});

test('the words of a consent fit into what the gateway keeps', () => {
  const view = askView({ texts: { body: 'あ'.repeat(2000) }, words: words('ja'), topics: [], language: 'ja' });
  assert.ok(Buffer.byteLength(consentText(view, [])) <= 2048);
});

for (const [name, properties, facts] of [
  ['cart_updated', { value: 49.8 }, [49.8, false]],
  ['cart_updated', { total: 25 }, [25, false]],
  ['view_cart', { value: 0 }, [0, false]],
  ['cart_updated', { value: '49.8' }, [null, false]],
  ['cart_updated', undefined, [null, false]],
  ['add_to_cart', { value: 12 }, [null, false]],
  ['purchase', { value: 99 }, [0, true]],
  ['order_placed', undefined, [0, true]],
]) {
  test(`track("${name}", ${JSON.stringify(properties)}) tells prompts of a cart of ${facts[0]}`, () => {
    const { cart_value: cart, has_ordered: ordering } = trackedFacts({ name, properties });
    assert.deepEqual([cart, ordering], facts);
  });
}
