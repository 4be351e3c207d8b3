// What a shop tracks: kept first, sent when it can be, counted once, and never another person's.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bodyOf, nextBatch, stillWanted, verdictOn, without } from '../src/events/batch.js';
import { createSending } from '../src/events/sending.js';
import { openRoom } from '../src/rooms.js';
import { revisit, storeOf, visit } from './fakes/visit.js';

const DAY_MS = 24 * 3600 * 1000;
const CART = { currency: 'EUR', value: 49.8, items: [{ item_id: 'sku-5', price: 24.9, quantity: 2 }] };
const kept = (id, at_ms, user, name = 'view_item', json = '{}') => [id, at_ms, user, name, json];

/** A page on which the room is there already, as it is once its file has loaded. */
async function shop(overrides) {
  const page = await visit(overrides);
  openRoom(page.host, 'events', createSending);
  return page;
}

const posts = (gateway) => gateway.calls.filter((one) => one.name === 'POST /v1/events').map((one) => one.sent);
const queueOf = async (host) => (await storeOf(host).get('events')) || [];

test('a subscriber\'s event goes out at once, with id, time and items, and no preflight', async () => {
  const { host, steeple, gateway } = await shop();
  const { id } = await steeple.subscribe();
  const result = await steeple.track('add_to_cart', CART);
  assert.deepEqual([result.ok, result.reason], [true, null]);
  const [{ subscription, secret, events }] = posts(gateway);
  assert.deepEqual([subscription, secret], [id, 'stpl_ds_1']);
  assert.deepEqual([events[0].name, events[0].properties], ['add_to_cart', CART]);
  assert.ok(Math.abs(Date.parse(events[0].at) - Date.now()) < 5000);
  assert.match(events[0].id, /^0\.\d+$/);
  const { headers } = gateway.calls.find((one) => one.name === 'POST /v1/events');
  assert.deepEqual(headers, { 'Content-Type': 'text/plain;charset=UTF-8' });
  assert.deepEqual(await queueOf(host), []);
});

test('what is tracked before the opt-in waits for it, over page changes, and costs no request', async () => {
  const first = await shop();
  assert.equal((await first.steeple.track('view_item', { items: [] })).ok, true);
  const second = await revisit(first);
  openRoom(second.host, 'events', createSending);
  await second.steeple.track('add_to_cart', CART);
  assert.deepEqual(posts(second.gateway), []);
  await second.steeple.subscribe();
  await second.steeple.track('view_cart');
  assert.deepEqual(posts(second.gateway).flatMap(({ events }) => events.map(({ name }) => name)),
    ['view_item', 'add_to_cart', 'view_cart']);
});

test('a dead network, a busy gateway: kept, and sent by the next page with the same id', async () => {
  const first = await shop();
  await first.steeple.subscribe();
  first.gateway.isDown = true;
  const lost = await first.steeple.track('add_to_cart', CART);
  assert.deepEqual([lost.ok, lost.reason], [false, 'offline']);
  first.gateway.isDown = false;
  first.gateway.refuse['POST /v1/events'] = 429;
  assert.equal((await first.steeple.track('view_cart')).reason, 'busy');
  const tried = posts(first.gateway)[0].events[0].id;
  delete first.gateway.refuse['POST /v1/events'];
  const seen = first.gateway.calls.length;
  const second = await revisit(first);
  openRoom(second.host, 'events', createSending);
  await second.steeple.track('begin_checkout');
  const sent = second.gateway.calls.slice(seen).filter((one) => one.name === 'POST /v1/events').flatMap((one) => one.sent.events);
  assert.deepEqual(sent.map(({ name }) => name), ['add_to_cart', 'view_cart', 'begin_checkout']);
  assert.equal(sent[0].id, tried);
  assert.deepEqual(await queueOf(second.host), []);
});

test('before consent nothing is kept and nothing is sent', async () => {
  const { host, steeple, gateway } = await shop({ attributes: { consent: 'required' } });
  assert.deepEqual([(await steeple.track('view_item')).reason, await queueOf(host), gateway.calls],
    ['consent_required', [], []]);
});

test('what one person did is not told of the next one on the same browser', async () => {
  const { host, steeple, gateway } = await shop();
  await steeple.subscribe();
  await steeple.login('cust-1', { signature: 'x', expires: 1 });
  gateway.refuse['POST /v1/events'] = 503;
  await steeple.track('add_to_cart', CART);
  delete gateway.refuse['POST /v1/events'];
  await steeple.logout();
  await steeple.login('cust-2', { signature: 'x', expires: 1 });
  await steeple.track('view_item');
  assert.deepEqual(posts(gateway).slice(1).flatMap(({ events }) => events.map(({ name }) => name)), ['view_item']);
  assert.deepEqual(await queueOf(host), []);
});

test('one event that the gateway refuses does not hold up the others, and its caller hears why', async () => {
  const { host, steeple, gateway } = await shop();
  await steeple.subscribe();
  gateway.isDown = true;
  await steeple.track('view_item');
  await steeple.track('add_to_cart', { value: 'much' });
  gateway.isDown = false;
  const { route } = gateway;
  gateway.route = (method, path, sent, headers) => {
    const bad = path[1] === 'events' ? sent.events.findIndex(({ properties }) => properties.value === 'much') : -1;
    if (bad < 0) return path[1] === 'events' ? { status: 202, json: async () => ({}) } : route.call(gateway, method, path, sent, headers);
    const error = { code: 'field_invalid', message: 'A value is a number.', param: `events[${bad}].properties.value` };
    return { status: 422, json: async () => ({ error }) };
  };
  const good = await steeple.track('view_cart');
  assert.equal(good.ok, true);
  assert.ok(host.console.lines.some((line) => line.includes('A value is a number.')));
  const bad = await steeple.track('add_to_cart', { value: 'much' });
  assert.deepEqual([bad.ok, bad.reason, bad.code], [false, 'refused', 'field_invalid']);
  assert.deepEqual(await queueOf(host), []);
});

test('an event that no request can hold, or that the gateway cannot read, holds up no other', async () => {
  const { host, steeple, gateway } = await shop();
  await steeple.subscribe();
  const { fetch } = host;
  host.fetch = async (address, wish) => {
    const isLarge = Boolean(wish.body) && wish.body.length > 65536;
    if (gateway.isDown || (isLarge && wish.keepalive)) throw new TypeError('Failed to fetch'); // Fetch standard, 4.6
    const status = (isLarge && 413) || (String(wish.body).includes('unreadable') && 400);
    return status ? { status, json: async () => ({ error: { code: 'body_refused', message: 'no' } }) } : fetch(address, wish);
  };
  gateway.isDown = true;
  await steeple.track('view_item');
  await steeple.track('unreadable');
  await steeple.track('view_page', { text: 'x'.repeat(70000) });
  gateway.isDown = false;
  assert.equal((await steeple.track('view_cart')).ok, true);
  assert.deepEqual(posts(gateway).flatMap(({ events }) => events.map(({ name }) => name)), ['view_item', 'view_cart']);
  assert.deepEqual(await queueOf(host), []);
  const large = await steeple.track('view_page', { text: 'x'.repeat(70000) });
  assert.deepEqual([large.ok, large.reason], [false, 'refused']);
});

test('half an emoji is told as what it is, and the request can be read', async () => {
  const { steeple, gateway } = await shop();
  await steeple.subscribe();
  await steeple.track('view_item', { item_name: 'Taper \u{1f56f}'.slice(0, 7), whole: '\u{1f56f}', path: 'C:\\ud83d' });
  assert.deepEqual(posts(gateway)[0].events[0].properties, { item_name: 'Taper \ufffd', whole: '\u{1f56f}', path: 'C:\\ud83d' });
});

test('what cannot be written as JSON is an answer, not an exception, and spoils nothing', async () => {
  const { steeple, gateway } = await shop();
  await steeple.subscribe();
  const endless = {};
  endless.self = endless;
  assert.equal((await steeple.track('view_item', endless)).ok, false);
  assert.equal((await steeple.track('view_item', () => 1)).ok, true);
  assert.deepEqual(posts(gateway).map(({ events }) => events[0].properties), [{}]);
});

test('a burst goes out in twenties, in order, one request at a time', async () => {
  const { steeple, gateway } = await shop();
  await steeple.subscribe();
  await Promise.all(Array.from({ length: 45 }, (_, number) => steeple.track(`step_${number}`)));
  const sent = posts(gateway).map(({ events }) => events.map(({ name }) => name));
  assert.deepEqual(sent.flat(), Array.from({ length: 45 }, (_, number) => `step_${number}`));
  assert.ok(sent.every((batch) => batch.length <= 20));
});

test('a shop that never sends keeps the latest hundred', async () => {
  const { host, steeple } = await shop();
  for (let number = 0; number < 103; number += 1) await steeple.track(`step_${number}`);
  const queue = await queueOf(host);
  assert.deepEqual([queue.length, queue[0][3], queue[99][3]], [100, 'step_3', 'step_102']);
});

test('a browser whose requests end with their page sends what is under way as a beacon', async () => {
  const beacons = [];
  const listeners = {};
  const page = await shop({
    Request: class {},
    addEventListener: (name, listener) => { listeners[name] = listener; },
  });
  page.host.navigator.sendBeacon = (address, body) => beacons.push([address, JSON.parse(body)]);
  await page.steeple.subscribe();
  await page.steeple.track('view_item');
  listeners.pagehide();
  assert.deepEqual(beacons, []);
  page.host.fetch = () => new Promise(() => {});
  page.steeple.track('add_to_cart', CART);
  await new Promise((resolve) => { setTimeout(resolve, 30); });
  listeners.pagehide();
  const [[address, { events }]] = beacons;
  assert.deepEqual([address, events[0].name], ['https://push.shop.example/v1/events', 'add_to_cart']);
});

test('the queue forgets what is a month old and what somebody else did', () => {
  const now_ms = 40 * DAY_MS;
  const queue = [kept(1, now_ms - 31 * DAY_MS), kept(2, now_ms, 'ann'), kept(3, now_ms, 'bob'), kept(4, now_ms, null)];
  assert.deepEqual(stillWanted(queue, 'bob', now_ms).map(([id]) => id), [3, 4]);
  assert.deepEqual(stillWanted(undefined, 'bob', now_ms), []);
  assert.deepEqual(without(queue, [2, 3]).map(([id]) => id), [1, 4]);
});

test('a request that may outlive its page is small, but carries at least one event', () => {
  const large = JSON.stringify({ text: 'x'.repeat(30000) });
  assert.equal(nextBatch([kept(1, 0, null, 'a', large), kept(2, 0, null, 'b', large)]).length, 1);
  assert.equal(nextBatch([kept(1, 0, null, 'a', large + ' '.repeat(30000))]).length, 1);
  const wide = JSON.stringify({ text: 'が'.repeat(10000) }); // three bytes each
  assert.equal(nextBatch([kept(1, 0, null, 'a', wide), kept(2, 0, null, 'b', wide)]).length, 1);
  assert.equal(nextBatch(Array.from({ length: 30 }, (_, id) => kept(id, 0))).length, 20);
});

test('a purchase is known by its transaction, whoever tells it', () => {
  const told = (json) => bodyOf({ id: 'sub_1', secret: 's' }, [kept(0.5, 0, null, 'purchase', json)]).events[0].id;
  assert.equal(told('{"transaction_id":"T-77"}'), undefined);
  assert.equal(told('{}'), '0.5');
});

test('a refusal without a place in it loses the batch rather than the queue', () => {
  const batch = [kept(1, 0), kept(2, 0)];
  assert.deepEqual(verdictOn({ status: 422, body: null }, batch).gone, [1, 2]);
  assert.deepEqual(verdictOn({ status: 401, body: null }, batch).gone, []);
  assert.deepEqual(verdictOn({ status: 422, body: { error: { param: 'events[9].name' } } }, batch).gone, [1, 2]);
});
