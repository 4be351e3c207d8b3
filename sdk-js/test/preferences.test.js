// The preference centre's decisions, and that nobody who left elsewhere is brought back by a visit.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changeOf, fieldsOf, offered } from '../src/preferences/form.js';
import { makePreferences } from '../src/preferences/centre.js';
import { directionOf, wordsOf, writtenAt } from '../src/preferences/words.js';
import { revisit, storeOf, visit } from './fakes/visit.js';

/** So that the next visit tells the gateway "still here". */
const anHourPassed = ({ host }) => storeOf(host).update('device', (device) => ({ ...device, seen_at_ms: 0 }));
const NOW_MS = Date.UTC(2026, 10, 22, 12);
const ANSWER = {
  topics: [{ slug: 'news', name: 'News', subscribed: false }, { slug: 'sale', name: 'Sale', subscribed: true }],
  frequency: null,
  quiet_hours: null,
  paused_until: null,
  channels: ['webpush'],
  channels_off: [],
};

test('what nobody changed is not sent', () => {
  assert.equal(changeOf(ANSWER, fieldsOf(ANSWER), NOW_MS), null);
  const chosen = {
    ...ANSWER, frequency: { max: 3, per: 'P7D' }, quiet_hours: { from: '21:30', to: '07:00', weekends: true, holidays: true },
    paused_until: '2026-11-29T12:00:00Z', channels_off: ['apns'],
  };
  assert.equal(changeOf(chosen, fieldsOf(chosen), NOW_MS), null);
  assert.deepEqual(offered.pause(fieldsOf(chosen)), ['none', 'day', 'week', 'month', 'keep']);
});

test('a change names what differs and nothing else', () => {
  const fields = fieldsOf(ANSWER);
  const after = (news) => changeOf(ANSWER, { ...fields, ...news }, NOW_MS);
  assert.deepEqual(after({ topics: ['sale', 'news'] }), { topics: ['sale', 'news'] });
  assert.deepEqual(after({ topics: [] }), { topics: [] });
  assert.deepEqual(after({ often: 'day' }), { frequency: { max: 1, per: 'P1D' } });
  assert.deepEqual(after({ pause: 'week' }), { paused_until: '2026-11-29T12:00:00.000Z' });
  assert.deepEqual(after({ quiet: true }), { quiet_hours: { from: '22:00', to: '08:00', weekends: false, holidays: false } });
  assert.deepEqual(after({ off: ['webpush'] }), { channels_off: ['webpush'] });
});

test('a choice is taken back by the same field', () => {
  const chosen = { ...ANSWER, frequency: { max: 1, per: 'P1D' }, quiet_hours: { from: '22:00', to: '08:00' }, paused_until: '2026-12-01T00:00:00Z' };
  const back = { ...fieldsOf(chosen), often: 'any', quiet: false, pause: 'none' };
  assert.deepEqual(changeOf(chosen, back, NOW_MS), { frequency: null, quiet_hours: null, paused_until: null });
});

test('a frequency that is none of ours stays as it is until another is picked', () => {
  const chosen = { ...ANSWER, frequency: { max: 7, per: 'P3D' } };
  const fields = fieldsOf(chosen);
  assert.equal(fields.often, 'own');
  assert.ok(offered.often(fields).includes('own'));
  assert.deepEqual(changeOf(chosen, { ...fields, often: 'week' }, NOW_MS), { frequency: { max: 1, per: 'P7D' } });
});

test('words are the gateway\'s, with what belongs in them; no markup comes of a shop\'s name', () => {
  const say = wordsOf({ texts: { intro: 'What {site} may send', n: 'On {n}' } });
  assert.equal(say('intro', { site: '<b>shop</b>' }), 'What <b>shop</b> may send');
  assert.equal(say('n'), 'On {n}');
  assert.equal(say('missing'), 'missing');
  assert.deepEqual(['ar', 'he', 'nl'].map(directionOf), ['rtl', 'rtl', 'ltr']);
  assert.ok(writtenAt('2026-11-22T12:00:00Z', 'not a language!').length > 0);
});

test('the room does not open for who is not subscribed, nor when the gateway is away', async () => {
  const calls = [];
  const page = (device, choice = {}) => makePreferences({
    host: { navigator: { language: 'nl' } },
    options: {},
    visit: { device, choice, look: async () => {}, call: async (...all) => { calls.push(all); return { status: 0, body: null }; } },
  });
  assert.equal((await page(null).show()).reason, 'not_subscribed');
  assert.equal((await page({ id: 'sub_1' }, { opted_out: true }).show()).reason, 'not_subscribed');
  assert.deepEqual(calls, []);
  assert.equal((await page({ id: 'sub_1', secret: 's' }).show()).reason, 'offline');
  assert.deepEqual(calls, [['GET', '/v1/subscriptions/sub_1/preferences?language=nl', { body: undefined, secret: 's' }]]);
});

/** A room on a page that can be drawn on: `opened` counts dialogs, `heard` has what its elements listen to, by class. */
function drawing() {
  const page = { opened: 0, heard: {}, status: {}, visit: { device: { id: 'sub_1', secret: 's' }, choice: {}, look: async () => {} } };
  const news = { ...ANSWER, subscribed: true, texts: {}, language: 'nl', site: 'Wax', devices: 1 };
  page.visit.call = async () => ({ status: 200, body: news });
  const element = () => {
    const attributes = {};
    return {
      setAttribute: (name, value) => { attributes[name] = value; },
      addEventListener: (name, listener) => { page.heard[`${attributes.class} ${name}`] = listener; },
      attachShadow: element,
      querySelector: (selector) => (selector === '.status' ? page.status : null),
      append() {},
      replaceChildren() {},
      showModal() { page.opened += 1; },
    };
  };
  const document = { createElement: element, documentElement: element() };
  const host = { document, navigator: { language: 'nl' }, CSSStyleSheet: class { replaceSync() {} } };
  page.room = makePreferences({ host, options: {}, visit: page.visit }, '');
  return page;
}

test('two clicks open one dialog', async () => {
  const page = drawing();
  const done = await Promise.all([page.room.show(), page.room.show()]);
  assert.deepEqual([done.map(({ ok }) => ok), page.opened], [[true, true], 1]);
});

test('a dialog whose subscriber has left in another tab says that it did not work, and rejects to no page', async () => {
  const page = drawing();
  await page.room.show();
  page.visit.device = null;
  await page.heard['leave click']();
  assert.equal(page.status.textContent, 'offline');
});

test('a visit that mends by itself says so, a click does not', async () => {
  const first = await visit();
  await first.steeple.subscribe();
  const posts = (gateway) => gateway.calls.filter((one) => one.name === 'POST /v1/subscriptions').map((one) => one.sent.again);
  assert.deepEqual(posts(first.gateway), [false]);
  first.gateway.devices.clear();
  await anHourPassed(first);
  const { gateway } = await revisit(first);
  assert.deepEqual(posts(gateway), [false, true]);
});

test('who left by the link of a message is not brought back, and the browser\'s subscription is given up', async () => {
  const first = await visit();
  await first.steeple.subscribe();
  first.gateway.only().state = 'left';
  await anHourPassed(first);
  const { steeple, host } = await revisit(first);
  const { subscribed } = await steeple.state();
  assert.equal(subscribed, false);
  assert.equal((await storeOf(host).get('choice')).opted_out, true);
  assert.equal(await storeOf(host).get('device'), undefined);
});

test('who left so long ago that the gateway forgot the device is not enrolled again', async () => {
  const first = await visit();
  await first.steeple.subscribe();
  first.gateway.devices.clear();
  first.gateway.withdrawn = true;
  await anHourPassed(first);
  const second = await revisit(first);
  assert.equal((await second.steeple.state()).subscribed, false);
  assert.equal((await storeOf(second.host).get('choice')).opted_out, true);
  first.gateway.withdrawn = false;
  assert.equal((await second.steeple.subscribe()).subscribed, true);
});

/** Somebody takes "sale" away by the link of a message: the gateway knows, this browser does not yet. */
const takenAwayByLink = ({ gateway }) => { gateway.only().topics = ['news']; };
const subscriber = async () => {
  const first = await visit();
  await first.steeple.subscribe({ topics: ['sale', 'news'] });
  takenAwayByLink(first);
  return first;
};

test('a topic that was taken away by a link does not come back when the gateway has to be told of the browser anew', async () => {
  const first = await subscriber();
  await anHourPassed(first);
  const second = await revisit(first); // "still here": the answer tells what is followed
  assert.deepEqual((await second.steeple.state()).topics, ['news']);
  first.gateway.devices.clear();
  await anHourPassed(first);
  const third = await revisit(first);
  assert.deepEqual([third.gateway.only().topics, (await third.steeple.state()).topics], [['news'], ['news']]);
});

test('nor when another topic is added or taken away before this browser has heard of it', async () => {
  const first = await subscriber();
  assert.deepEqual((await first.steeple.topics.add('wine')).topics, ['news', 'wine']);
  takenAwayByLink(first);
  await first.steeple.topics.remove('news');
  assert.deepEqual(first.gateway.only().topics, []);
});

test('nor when a known browser says yes once more without naming topics', async () => {
  const first = await subscriber();
  assert.deepEqual((await first.steeple.subscribe()).topics, ['news']);
  assert.deepEqual((await first.steeple.subscribe({ topics: ['sale'] })).topics, ['sale']);
});

test('a yes with topics counts also where the address has to be moved first', async () => {
  const first = await subscriber();
  await storeOf(first.host).update('device', (device) => ({ ...device, endpoint: 'https://push.example/old' }));
  assert.deepEqual((await first.steeple.subscribe({ topics: ['sale', 'wine'] })).topics, ['sale', 'wine']);
});

test('who left by a link and says yes at once stays', async () => {
  const first = await visit();
  await first.steeple.subscribe();
  first.gateway.only().state = 'left';
  await storeOf(first.host).update('device', (device) => ({ ...device, endpoint: 'https://push.example/old' }));
  await first.steeple.subscribe();
  first.gateway.only().state = 'active';
  await anHourPassed(first);
  assert.equal((await (await revisit(first)).steeple.state()).subscribed, true);
});
