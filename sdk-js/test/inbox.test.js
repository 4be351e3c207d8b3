import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bannerOf, entryOf, withRead, withoutOver } from '../src/inbox/entries.js';
import { createInbox } from '../src/inbox/inbox.js';
import { agoOf } from '../src/inbox/view/speech.js';
import { WORDS as LANGUAGES } from '../src/prompts/languages.js';
import { WORDS } from '../src/inbox/view/words.js';
import { nextWait } from '../src/inbox/waiting.js';
import { coreOf, FakePost, message } from './fakes/post.js';

const turn = () => new Promise((resolve) => { setTimeout(resolve, 5); }); // the fake store takes one for each step

/** Until there are so many of `list`. */
async function come(list, count) {
  for (let turns = 0; turns < 400 && list.length < count; turns += 1) await turn();
}

/** A room on a gateway that has these messages. */
function roomWith(messages, options) {
  const post = new FakePost();
  post.messages = messages;
  const core = coreOf(post, options);
  return { post, core, room: createInbox(core) };
}

test('who refused push becomes a visitor once, and reads', async () => {
  const { post, core, room } = roomWith([message('msg_1'), message('msg_2', { read: true })]);
  const [first, second] = await Promise.all([room.list(), room.unread()]);
  assert.deepEqual([first.items.map(({ id }) => id), first.unread, first.next, second.unread], [['msg_1', 'msg_2'], 1, null, 1]);
  assert.equal(post.visitors.size, 1);
  const [{ said }] = [...post.visitors.values()];
  assert.deepEqual([said.app, said.language, said.platform, said.os], ['app_1', 'nl', 'firefox', 'linux']);
  assert.deepEqual(core.events, [['inbox', 1]]);
});

test('a subscriber reads with the secret of the device, and is no visitor', async () => {
  const { post, core, room } = roomWith([message('msg_1')], { subscribed: true });
  await core.store.set('device', { app: 'app_1', id: 'sub_1', secret: 'stpl_ds_1', user: null });
  assert.equal((await room.list()).items.length, 1);
  assert.deepEqual(post.calls, ['GET /v1/subscriptions/sub_1/inbox']);
});

test('a page view costs at most one request, and none while another was a moment ago', async () => {
  const { post, core, room } = roomWith([message('msg_1')]);
  await room.unread();
  const before = post.calls.length;
  await room.unread();
  await createInbox(core).unread(); // the next page
  assert.equal(post.calls.length, before);
  await core.store.update('inbox', (kept) => ({ ...kept, at_ms: kept.at_ms - 61000 }));
  await room.unread();
  assert.equal(post.calls.length, before + 1);
});

test('a login is the visitor\'s, too, and nobody sees what was kept for somebody else', async () => {
  const { post, core, room } = roomWith([message('msg_1')]);
  await room.list();
  await core.store.set('identity', { external_id: 'cust-17', signature: 'aa', expires: 1 });
  post.messages = [message('msg_2')];
  assert.deepEqual((await room.list()).items.map(({ id }) => id), ['msg_2']);
  assert.equal(post.visitors.get('vis_1').user, 'cust-17');
  await core.store.set('identity', undefined);
  await room.list();
  assert.equal(post.visitors.get('vis_1').user, null);
});

test('a login that was refused is not tried again with the same proof', async () => {
  const { post, core, room } = roomWith([]);
  post.refuse['POST identity'] = 403;
  await core.store.set('identity', { external_id: 'cust-17', signature: 'aa', expires: 1 });
  assert.equal((await room.list()).ok, true);
  await room.list();
  assert.equal(post.calls.filter((one) => one === 'POST /v1/visitors/vis/identity').length, 1);
  delete post.refuse['POST identity'];
  await core.store.set('identity', { external_id: 'cust-17', signature: 'bb', expires: 2 });
  await room.list();
  assert.equal(post.visitors.get('vis_1').user, 'cust-17');
});

test('a visitor whom the gateway forgot comes back as a new one', async () => {
  const { post, room } = roomWith([message('msg_1')]);
  await room.list();
  post.visitors.get('vis_1').secret = 'another';
  assert.equal((await room.list({ limit: 5 })).items.length, 1);
  assert.equal(post.visitors.size, 2);
});

test('a gateway that refuses or is away is told as such; what was heard last stays to be read offline', async () => {
  const { post, room, core } = roomWith([message('msg_1')]);
  post.refuse['POST visitors'] = 429;
  assert.deepEqual([(await room.list()).reason, (await room.show()).reason], ['busy', 'busy']);
  delete post.refuse['POST visitors'];
  await room.list();
  post.isDown = true;
  await core.store.update('inbox', (kept) => ({ ...kept, at_ms: 0 }));
  assert.deepEqual([(await room.list()).items.length, (await room.list({ after: 'x' })).reason], [1, 'offline']);
});

test('an answer that is none of ours harms nobody: the call fails, a watching page goes on', async () => {
  const { post, room, core } = roomWith([]);
  const { call } = post;
  core.visit.call = async (method, path, wish) => (method === 'GET' ? { status: 200, body: { hello: 'portal' } } : call(method, path, wish));
  const strange = createInbox(core);
  assert.equal((await strange.watch()).ok, true);
  await assert.rejects(strange.list(), TypeError); // which the page script answers as "internal"
  core.visit.call = call;
  assert.equal((await room.list()).ok, true);
});

test('an answer without a body makes nobody a visitor, and what a banner marks rejects to no page', async () => {
  const { core } = roomWith([]);
  core.visit.call = async () => ({ status: 200, body: null });
  const done = await createInbox(core).read('msg_1');
  assert.deepEqual([done.ok, done.reason, await core.store.get('visitor')], [false, 'busy', undefined]);
});

test('marks go to the gateway and to what is kept, and listeners hear the new count', async () => {
  const { post, core, room } = roomWith([message('msg_1'), message('msg_2')]);
  await room.list();
  assert.equal((await room.read('msg_1')).ok, true);
  assert.deepEqual([(await room.unread()).unread, core.events.at(-1)], [1, ['inbox', 1]]);
  await room.read();
  assert.deepEqual([(await room.unread()).unread, post.messages.every((one) => one.read)], [0, true]);
  assert.deepEqual([(await room.read(7)).reason, (await room.read([{}])).reason], ['invalid', 'invalid']);
});

test('an app that is switched off, or none at all, reads nothing', async () => {
  const killed = roomWith([], { killed: true });
  const none = roomWith([], { app: '' });
  for (const name of ['list', 'unread', 'read', 'show', 'watch']) {
    assert.deepEqual([(await killed.room[name]()).reason, (await none.room[name]()).reason], ['killed', 'app_missing'], name);
  }
  assert.deepEqual([killed.post.calls, none.post.calls], [[], []]);
});

test('only links and pictures of allowed hosts come through, whatever a message says', () => {
  const hosts = ['cdn.example'];
  const made = entryOf({
    ...message('msg_1'), title: '<img onerror=x>', url: 'javascript:alert(1)', icon: 'https://evil.example/i.png',
    image: 'https://cdn.example/i.png', actions: [{ id: 'a', title: 'Go', url: 'https://evil.example' }, { id: 'b', title: 'Go', url: '/sale' }],
  }, 'https://shop.example', hosts);
  assert.deepEqual([made.title, made.url, made.icon, made.image], ['<img onerror=x>', '', '', 'https://cdn.example/i.png']);
  assert.deepEqual(made.actions.map(({ url }) => url), ['', 'https://shop.example/sale']);
  assert.equal(entryOf({ ...message('m'), title: { evil: 1 } }, 'https://shop.example', hosts).title, '');
});

test('what is over is gone from what was kept, and is not counted', () => {
  const page = { items: [message('a', { until: '2026-11-01T00:00:00Z' }), message('b')], unread: 2, next: null };
  const now = withoutOver(page, Date.parse('2026-11-02T00:00:00Z'));
  assert.deepEqual([now.items.map(({ id }) => id), now.unread], [['b'], 1]);
  assert.deepEqual(withRead(page, ['b']).unread, 1);
  assert.deepEqual(withRead(page, null).items.map(({ read }) => read), [true, true]);
});

test('a banner is the newest unread message that wants to be one', () => {
  const items = [message('a'), message('b', { banner: true, read: true }), message('c', { banner: true }), message('d', { banner: true })];
  assert.equal(bannerOf({ items }, []).id, 'c');
  assert.equal(bannerOf({ items }, ['c']).id, 'd');
  assert.equal(bannerOf({ items: [message('a')] }, []), null);
});

test('the view of messages is loaded when there is something to show', async () => {
  const { core, room, post } = roomWith([message('msg_1')]);
  await room.watch();
  assert.deepEqual(core.shown, []);
  await room.show();
  assert.deepEqual(core.shown.map(([what]) => what), ['inbox-view', 'panel']);
  post.messages.unshift(message('msg_2', { banner: true }));
  await core.store.update('inbox', (kept) => ({ ...kept, at_ms: 0 }));
  core.becomeVisible('visible');
  await come(core.shown, 3);
  assert.deepEqual(core.shown.at(-1), ['banner', ['msg_2', 'msg_1']]);
});

test('what the shop asks for itself is shown as a banner, too, where the page watches and nowhere else', async () => {
  for (const isWatching of [true, false]) {
    const { core, room, post } = roomWith([]);
    if (isWatching) await room.watch();
    post.messages = [message('msg_1', { banner: true })];
    await core.store.update('inbox', (kept) => kept && { ...kept, at_ms: 0 });
    await room.list();
    await turn();
    assert.deepEqual(core.shown.map(([what]) => what), isWatching ? ['inbox-view', 'banner'] : []);
  }
});

test('a page that nobody looks at asks nothing', async () => {
  const { core, room, post } = roomWith([]);
  core.becomeVisible('hidden');
  await room.watch();
  assert.deepEqual(post.calls, []);
  core.becomeVisible('visible');
  await come(post.calls, 2);
  assert.deepEqual(post.calls, ['POST /v1/visitors', 'GET /v1/visitors/vis/inbox']);
});

test('who takes the consent back is forgotten, and the page asks no more', async () => {
  const { core, room, post } = roomWith([message('msg_1')]);
  await room.watch();
  await room.leave();
  assert.deepEqual([post.visitors.size, await core.store.get('visitor'), await core.store.get('inbox')], [0, undefined, undefined]);
  const before = post.calls.length;
  core.becomeVisible('visible');
  await turn();
  assert.equal(post.calls.length, before);
});

test('an open page asks soon after news, and ever more seldom while nothing comes', () => {
  const wait = (known) => Math.round(nextWait({ waited_ms: 60000, poll_s: 60, isOk: true, isNews: false, draw: 0.5, ...known }) / 1000);
  assert.deepEqual([wait({ isNews: true }), wait({}), wait({ waited_ms: 500000 }), wait({ isOk: false })], [60, 90, 600, 120]);
  assert.equal(wait({ isOk: false, waited_ms: 1e9 }), 1800);
  assert.deepEqual([wait({ waited_ms: 0, poll_s: 0 }), wait({ waited_ms: 0, poll_s: 1, isNews: true })], [60, 15]);
  assert.deepEqual([wait({ isNews: true, draw: 0 }), wait({ isNews: true, draw: 1 })], [51, 69]);
});

test('our words exist in every language that prompts speak, and moments read as people say them', () => {
  assert.deepEqual(Object.keys(WORDS), LANGUAGES);
  assert.ok(Object.values(WORDS).every((words) => words.length === 6 && words.every(Boolean)));
  const now = Date.parse('2026-11-22T09:00:00Z');
  assert.equal(agoOf(now - 3 * 3600e3, now, 'en'), '3 hours ago');
  assert.equal(agoOf(now - 86400e3, now, 'nl'), 'gisteren');
  assert.equal(agoOf(now + 5000, now, 'en'), 'this minute');
  assert.match(agoOf(now - 30 * 86400e3, now, 'en'), /Oct 23, 2026/);
});
