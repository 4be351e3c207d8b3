// What a visitor lives through with prompts: the room with a made-up page, surface and gateway.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { DAY_MS } from '../src/prompts/memory.js';
import { awaitMoment } from '../src/prompts/moment.js';
import { createPrompts } from '../src/prompts/prompts.js';
import { speechOf } from '../src/prompts/speech.js';

const WORDS = JSON.parse(readFileSync(new URL('../src/prompts/words/en.json', import.meta.url), 'utf8'));
const RULES = {
  is_automatic: true, page_views: 1, delay_s: 0, scroll_percent: null, exit_intent: false, include: [], exclude: [],
  after_order: false, cart_value_over: null,
};
const OFFER = { slug: 'sale', name: 'Sales', texts: {}, is_checked: true };
const soon = (wait_ms = 15) => new Promise((resolve) => { setTimeout(resolve, wait_ms); });

const promptOf = (slug, { rules, ...fields } = {}) => ({
  slug, kind: 'slidedown', variants: [{ name: '', weight: 1, texts: { en: { title: slug } }, theme: {} }], topics: [],
  rules: { ...RULES, ...rules }, back_off_days: [3, 7, 30], ...fields,
});

/** A surface that notes what it shows; `ticked` is what the visitor chose. */
function fakeSurface(log, press, ticked) {
  let view = null;
  return {
    show: (next, look, { takesFocus } = {}) => { view = next; log.push(['show', view.title, Boolean(takesFocus)]); },
    say: (text) => log.push(['say', text]),
    close: () => { view = null; log.push(['close']); },
    chosen: () => ticked,
    press,
    view: () => view,
  };
}

/** A page whose visitor answers the browser with `answer`; `at` is the surfaces of this page, `log` all they showed. */
async function pageWith(prompts, { answer = { ok: true, reason: null }, state = {}, store = new Map(), isKept = true, isActive = false, ticked = [] } = {}) {
  const now = { permission: 'default', subscribed: false, reason: null, ...state };
  const page = { log: [], at: [], sent: [], asked: [], gateway: () => ({ status: 0 }), listeners: {}, store, now };
  const document = {
    documentElement: { lang: 'en', insertBefore() {}, append() {} }, body: {}, visibilityState: 'visible',
    querySelector: () => null, querySelectorAll: () => [], addEventListener() {}, removeEventListener() {},
  };
  page.host = {
    document, location: { pathname: '/shoes', search: '?email=a@b.c' }, navigator: { userAgent: 'Firefox/153.0', userActivation: { isActive } },
    Notification: { permission: now.permission }, addEventListener: (name, listener) => { page.listeners[name] = listener; }, removeEventListener() {},
    fetch: async (address) => { page.words = address; return { ok: true, json: async () => WORDS }; },
  };
  const cards = {
    createSurface(kind, { press }) { page.at.push(fakeSurface(page.log, press, ticked)); return page.at[page.at.length - 1]; },
  };
  page.core = {
    host: page.host,
    options: { app: 'app_1', gateway: 'https://push.shop.example', language: null, data: {} },
    store: { get: async (key) => store.get(key), set: async (key, value) => { store.set(key, value); return value; }, update: async (key, change) => { store.set(key, change(store.get(key))); return store.get(key); }, isKept: () => isKept },
    visit: {
      config: { prompts, language: null, at_ms: Date.now() },
      choice: {},
      call: async (method, path, { body } = {}) => {
        if (method === 'GET') { page.asked.push(path); return page.gateway(); }
        page.sent.push(...body.reports);
        return { status: 202 };
      },
    },
    api: {
      state: async () => ({ ...now }),
      subscribe: (wish) => { page.asked.push(wish); return Promise.resolve(answer); },
      unsubscribe: async () => ({ ok: true }),
      on: (name, listener) => { page.listeners[name] = listener; },
    },
    enter: async () => cards,
  };
  page.room = createPrompts(page.core);
  page.outcomes = () => { page.listeners.pagehide(); return page.sent.map(({ outcome }) => outcome); };
  return page;
}

/** The page after its prompts had their chance to come up. */
async function visit(prompts, given) {
  const page = await pageWith(prompts, given);
  assert.deepEqual(await page.room.start(), { ok: true, reason: null }); // the page script reads it
  await soon();
  return page;
}

test('of two that might come the first does, alone, and takes no focus', async () => {
  const page = await visit([promptOf('first'), promptOf('second')]);
  assert.deepEqual(page.log, [['show', 'first', false]]);
  await page.at[0].press('no');
  await soon();
  assert.deepEqual(page.log.slice(1), [['close']]); // and the second does not follow on
  assert.deepEqual(page.outcomes(), ['asked', 'dismissed']);
});

test('yes asks the browser in the click’s own turn, with the ticked topics and the words agreed to', async () => {
  const page = await visit([promptOf('welcome', { topics: [OFFER] })], { ticked: [{ slug: 'sale', label: 'Sales' }] });
  page.at[0].press('yes');
  assert.equal(page.asked.length, 1); // nothing was awaited
  assert.deepEqual(page.asked[0].topics, ['sale']);
  assert.equal(page.asked[0].consentText, `welcome\n${WORDS.body}\nSales\n[${WORDS.yes}]`);
  await soon();
  assert.deepEqual(page.log.map(([name, text]) => (name === 'show' ? text : name)), ['welcome', 'say', WORDS.thanks]);
  page.at[0].press('close');
  assert.deepEqual(page.log[page.log.length - 1], ['close']);
  assert.deepEqual(page.outcomes(), ['asked', 'yes', 'granted']);
});

test('who had allowed it before is not counted as having been asked by the browser', async () => {
  const page = await pageWith([promptOf('welcome')], { state: { permission: 'granted' }, isActive: true });
  await page.room.show();
  page.at[0].press('yes');
  await soon();
  assert.deepEqual(page.outcomes(), ['asked', 'yes']);
});

test('a prompt without a chooser leaves the topics as they were', async () => {
  const page = await visit([promptOf('welcome')]);
  page.at[0].press('yes');
  assert.equal(page.asked[0].topics, undefined);
});

test('two clicks on yes ask once', async () => {
  const page = await visit([promptOf('welcome')]);
  page.at[0].press('yes');
  page.at[0].press('yes');
  page.at[0].press('escape');
  assert.equal(page.asked.length, 1);
});

test('after the browser’s no the card goes, and no later page asks', async () => {
  const page = await visit([promptOf('welcome')], { answer: { ok: false, reason: 'denied' } });
  page.at[0].press('yes');
  await soon();
  assert.deepEqual(page.log[page.log.length - 1], ['close']);
  assert.deepEqual(page.outcomes(), ['asked', 'yes', 'denied']);
  const again = await visit([promptOf('welcome')], { store: page.store }); // even where the browser would ask again
  assert.deepEqual(again.log, []);
});

test('a browser’s question that is closed unanswered rests as after a no', async () => {
  const page = await visit([promptOf('welcome')], { answer: { ok: false, reason: 'dismissed' } });
  page.at[0].press('yes');
  await soon();
  assert.equal(page.store.get('prompts').quiet_ms, 3 * DAY_MS);
});

test('a gateway that is away is said, and the card stays to try again', async () => {
  const page = await visit([promptOf('welcome')], { answer: { ok: false, reason: 'offline' } });
  page.at[0].press('yes');
  await soon();
  assert.deepEqual(page.log[page.log.length - 1], ['say', WORDS.fault]);
  page.at[0].press('yes');
  assert.equal(page.asked.length, 2);
});

test('Escape on the question is a no; on help it is not', async () => {
  const page = await visit([promptOf('welcome')]);
  await page.at[0].press('escape');
  await soon();
  assert.deepEqual(page.outcomes(), ['asked', 'dismissed']);
  const blocked = await pageWith([promptOf('welcome')], { state: { permission: 'denied', reason: 'denied' }, isActive: true });
  await blocked.room.show('welcome');
  blocked.at[0].press('escape');
  assert.deepEqual(blocked.outcomes(), ['blocked_help']);
  assert.deepEqual(blocked.log, [['show', WORDS.blocked, true], ['close']]);
});

test('a no is kept before the card goes: whoever leaves the page that moment is not asked by the next', async () => {
  const page = await visit([promptOf('welcome')]);
  const order = [];
  const { update } = page.core.store;
  page.core.store.update = async (...given) => { await soon(5); order.push('kept'); return update(...given); };
  page.at[0].close = () => order.push('close');
  page.at[0].press('no');
  await soon(40);
  assert.deepEqual(order, ['kept', 'close']);
  assert.equal(page.store.get('prompts').noes, 1);
});

test('an iPhone is shown the guide at its moment; sent away, it rests', async () => {
  const page = await visit([promptOf('welcome')], { state: { reason: 'ios_home_screen' } });
  assert.deepEqual(page.log, [['show', WORDS.ios, false]]);
  page.at[0].press('close');
  await soon();
  assert.deepEqual(page.outcomes(), ['ios_guide', 'dismissed']);
  assert.deepEqual((await visit([promptOf('welcome')], { state: { reason: 'ios_home_screen' }, store: page.store })).log, []);
});

test('where nothing can be kept no prompt comes by itself, and the shop may show one a page', async () => {
  const page = await visit([promptOf('welcome')], { isKept: false });
  assert.deepEqual(page.log, []);
  assert.equal((await page.room.show()).ok, true);
  await page.at[0].press('no');
  await soon();
  assert.equal((await page.room.show()).reason, 'not_now');
});

test('show() within a click comes in any case, outside of one as seldom as any', async () => {
  const page = await visit([promptOf('welcome')]);
  assert.equal((await page.room.show('welcome')).reason, 'not_now'); // one at a time
  await page.at[0].press('no');
  await soon();
  assert.equal((await page.room.show('welcome')).reason, 'not_now'); // the no counts
  page.host.navigator.userActivation.isActive = true;
  assert.equal((await page.room.show('welcome')).ok, true);
  assert.deepEqual(page.log[page.log.length - 1], ['show', 'welcome', true]);
  assert.equal((await page.room.show('welcome')).reason, 'not_now'); // one at a time, click or not
});

test('show() of a prompt that there is not says so; without any there are our own words', async () => {
  const page = await pageWith([], { isActive: true });
  assert.deepEqual([(await page.room.show('gone')).reason, page.log], ['invalid', []]);
  await page.room.show();
  assert.deepEqual(page.log, [['show', WORDS.title, true]]);
  assert.equal(page.words, 'https://push.shop.example/sdk/0.1.0/words-en.json');
});

test('words that cannot be loaded leave the page alone, and the next call tries again', async () => {
  const page = await pageWith([promptOf('welcome')], { isActive: true });
  const { fetch } = page.host;
  page.host.fetch = async () => ({ ok: false, status: 503 });
  await assert.rejects(page.room.show());
  page.host.fetch = fetch;
  assert.equal((await page.room.show()).ok, true);
});

for (const kind of ['slidedown', 'bell', 'inline']) {
  test(`a ${kind} that comes by itself and has no words is told to the developer, and rejects to no page`, async () => {
    const page = await pageWith([promptOf('welcome', { kind })]);
    const lines = [];
    page.host.console = { warn: (...words) => lines.push(words.join(' ')) };
    page.host.document.querySelectorAll = () => [{ dataset: { steeplePrompt: 'welcome' } }];
    page.host.fetch = async () => ({ ok: false, status: 503 });
    await page.room.start();
    await soon();
    assert.deepEqual([lines.length, page.log], [1, []]);
    assert.match(lines[0], /the words of en were not loaded: 503/);
  });
}

test('subscribers are told that it is on, and can end it there', async () => {
  const page = await pageWith([promptOf('welcome')], { state: { subscribed: true, permission: 'granted' }, isActive: true });
  await page.room.show();
  assert.deepEqual(page.at[0].view().actions.map(({ id }) => id), ['off', 'close']);
  page.at[0].press('off');
  await soon();
  assert.deepEqual(page.log, [['show', WORDS.on, true], ['close']]);
});

test('a consent that is given again on a page makes no second page view of it', async () => {
  const page = await visit([promptOf('welcome', { rules: { page_views: 2 } })]);
  await page.room.start();
  await soon();
  assert.deepEqual([page.store.get('prompts').views, page.log], [1, []]);
});

test('a cart that grows on the page brings the prompt that waits for it', async () => {
  const page = await visit([promptOf('big cart', { rules: { cart_value_over: 50 } }), promptOf('bought', { rules: { after_order: true } })]);
  page.listeners.tracked({ name: 'cart_updated', properties: { value: 20 } });
  await soon();
  assert.deepEqual(page.log, []);
  page.listeners.tracked({ name: 'cart_updated', properties: { value: 51 } });
  await soon();
  assert.deepEqual(page.log, [['show', 'big cart', false]]);
});

test('after the order is placed, in this page or the next', async () => {
  const page = await visit([promptOf('bought', { rules: { after_order: true } })]);
  page.listeners.tracked({ name: 'purchase', properties: {} });
  await soon();
  assert.deepEqual(page.log, [['show', 'bought', false]]);
  assert.deepEqual((await visit([promptOf('bought', { rules: { after_order: true } })], { store: page.store })).log, [['show', 'bought', false]]);
});

test('the funnel hears of path, prompt and variant, never of a query, and in batches of 20', async () => {
  const page = await visit([promptOf('welcome')]);
  page.listeners.pagehide();
  assert.deepEqual(page.sent, [{ prompt: 'welcome', variant: '', path: '/shoes', outcome: 'asked' }]);
});

test('the tag’s colours go before the prompt’s, and a ground alone does not keep the other’s letters', async () => {
  const variant = { texts: {}, theme: { accent: '#0b57d0', accent_text: '#ffffff', scheme: 'light', position: 'top' } };
  const here = { wanted: ['en'], fallback: null, dictionary: async () => WORDS };
  const { look } = await speechOf(promptOf('x'), variant, { ...here, data: { promptAccent: '#ffd84d', promptScheme: 'dark', promptPosition: 'bottom' } });
  assert.deepEqual([look.theme.accent, look.theme.accent_text, look.scheme, look.position], ['#ffd84d', undefined, 'dark', 'bottom']);
  const { look: plain } = await speechOf(promptOf('x', { kind: 'bell' }), variant, { ...here, data: {} });
  assert.deepEqual([plain.theme.accent_text, plain.position, plain.over], ['#ffffff', 'bottom-right', 'bell']);
});

/** A window whose events a test plays. */
function scrolling() {
  const listeners = {};
  const target = (of) => ({
    addEventListener: (name, listener) => { listeners[name] = listener; }, removeEventListener: (name) => { delete listeners[name]; }, ...of,
  });
  const document = target({ visibilityState: 'visible', documentElement: { scrollHeight: 3000 } });
  return { listeners, host: target({ document, scrollY: 0, innerHeight: 1000 }) };
}

test('a prompt waits for the scroll or the way out, and for the tab to be in front', async () => {
  const { host, listeners } = scrolling();
  let came = 0;
  awaitMoment(host, { ...RULES, scroll_percent: 50, exit_intent: true }, () => { came += 1; });
  await soon();
  host.scrollY = 900;
  listeners.scroll();
  listeners.mouseout({ relatedTarget: {}, clientY: -1 });
  listeners.mouseout({ relatedTarget: null, clientY: 300 });
  assert.equal(came, 0);
  host.scrollY = 1000;
  host.document.visibilityState = 'hidden';
  listeners.scroll();
  assert.equal(came, 0);
  host.document.visibilityState = 'visible';
  listeners.visibilitychange();
  assert.deepEqual([came, Object.keys(listeners)], [1, []]); // once, and nothing is left listening
});

test('who heads for the tabs is leaving', async () => {
  const { host, listeners } = scrolling();
  let came = 0;
  awaitMoment(host, { ...RULES, exit_intent: true }, () => { came += 1; });
  await soon();
  assert.equal(came, 0);
  listeners.mouseout({ relatedTarget: null, clientY: 0 });
  assert.equal(came, 1);
});

test('a prompt that was given up never comes', async () => {
  const { host } = scrolling();
  awaitMoment(host, { ...RULES, delay_s: 0.01 }, () => assert.fail('came'))();
  await soon(30);
});

test('what comes up by itself is as the gateway has it by now, where that was asked more than minutes ago', async () => {
  const changed = promptOf('welcome', { variants: [{ name: '', weight: 1, texts: { en: { title: 'New words' } }, theme: {} }] });
  const elsewhere = promptOf('welcome', { rules: { exclude: ['/shoes'] } });
  const answers = [
    [{ prompts: [changed] }, [['show', 'New words', false]]], [{ prompts: [promptOf('other')] }, []], [{ prompts: [elsewhere] }, []],
    [{ prompts: [changed], killed: true }, []], [null, [['show', 'welcome', false]]],
  ];
  for (const [answer, log] of answers) {
    const page = await pageWith([promptOf('welcome')]);
    page.core.visit.config.at_ms = Date.now() - 300 * 1000;
    const body = { app: 'app_1', channels: { webpush: { vapid_public_key: 'k' } }, ...answer };
    page.gateway = () => (answer ? { status: 200, body } : { status: 0 });
    await page.room.start();
    await soon();
    assert.deepEqual([page.log, page.asked], [log, ['/v1/sdk/config?app=app_1']]);
  }
});

test('nobody who is asked nothing costs a request for that, nor who is asked minutes after the settings were', async () => {
  const fresh = await visit([promptOf('welcome')]);
  assert.deepEqual([fresh.log.length, fresh.asked], [1, []]);
  const quiet = await pageWith([promptOf('welcome', { rules: { page_views: 3 } })]);
  quiet.core.visit.config.at_ms = 0;
  await quiet.room.start();
  await soon();
  assert.deepEqual([quiet.log, quiet.asked], [[], []]);
});
