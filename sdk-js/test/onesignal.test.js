// A page written for OneSignal, on our script: its calls, its events, and its visitors coming over.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boot } from '../src/onesignal/page.js';
import { proofOf } from '../src/onesignal/api.js';
import { autoPromptOf } from '../src/onesignal/auto.js';
import { openStore } from '../src/store.js';
import { KEY } from './fakes/gateway.js';
import { pageForOneSignal, reached, ROOT, SCRIPT, THEIR_KEY } from './fakes/onesignal.js';
import { keyText } from '../src/key.js';

const APP_ID = '3f8a9c1e-0000-4000-8000-000000000000';

/** The page's own script, as OneSignal's documentation has it: a queue, `init`, and what the shop does then. */
async function open(page, init = {}, then = () => {}) {
  const { host } = page;
  const heard = [];
  host.OneSignalDeferred = host.OneSignalDeferred || [];
  const done = new Promise((resolve) => {
    host.OneSignalDeferred.push(async (OneSignal) => {
      OneSignal.User.PushSubscription.addEventListener('change', (event) => heard.push(event));
      await OneSignal.init({ appId: APP_ID, ...init });
      await then(OneSignal);
      resolve();
    });
  });
  boot(host);
  await done;
  await settle();
  return { ...page, heard, OneSignal: host.OneSignal, gateway: host.gateway };
}

const settle = async () => { for (let turn = 0; turn < 30; turn += 1) await new Promise((resolve) => { setTimeout(resolve, 0); }); };
const again = ({ host, workers, databases }) => {
  const page = pageForOneSignal();
  Object.assign(page.host, { indexedDB: databases, Notification: host.Notification, navigator: host.navigator, gateway: host.gateway, fetch: host.fetch });
  return { ...page, workers, databases };
};
const keyHeld = async (registration) => {
  const held = await registration.pushManager.getSubscription();
  return held && keyText(held.options.applicationServerKey);
};
const kept = (databases, name) => openStore({ indexedDB: databases }).get(name);

test('a visitor with permission comes over at the next visit, without a question', async () => {
  const page = pageForOneSignal();
  const theirs = await reached(page.workers);
  const { host, gateway, heard, OneSignal } = await open(page);
  assert.equal(host.Notification.asked, 0);
  assert.equal(await keyHeld(theirs), KEY);
  assert.deepEqual([gateway.only().app, gateway.only().endpoint], ['app_1', 'https://push.example/1']);
  assert.deepEqual([OneSignal.User.PushSubscription.optedIn, OneSignal.User.PushSubscription.id], [true, 'sub_1']);
  assert.deepEqual(heard.map(({ previous, current }) => [previous.optedIn, current.optedIn, current.token]),
    [[false, true, 'https://push.example/1']]);
});

test('who has come over costs nothing more, and is subscribed at once on the next page', async () => {
  const page = pageForOneSignal();
  const theirs = await reached(page.workers);
  const first = await open(page);
  const { gateway, OneSignal } = await open(again(first));
  assert.deepEqual([gateway.devices.size, theirs.pushManager.made, OneSignal.User.PushSubscription.optedIn], [1, 1, true]);
  assert.equal(gateway.names().filter((name) => name === 'POST /v1/subscriptions').length, 1);
});

test('while the worker file still loads OneSignal\'s nothing is touched, and the developer is told the line', async () => {
  const page = pageForOneSignal({ holds: 'onesignal' });
  const theirs = await reached(page.workers);
  const { host, gateway } = await open(page);
  assert.equal(await keyHeld(theirs), THEIR_KEY);
  assert.equal(gateway.devices.size, 0);
  assert.ok(host.console.lines.some((line) => line.includes('worker_foreign')
    && line.includes('importScripts("https://push.shop.example/sdk/v1/onesignal-worker.js")')), host.console.lines.join('\n'));
});

test('a browser that finds the new worker file only by an update comes over all the same', async () => {
  const page = pageForOneSignal();
  const theirs = await reached(page.workers);
  await open(page);
  assert.equal(theirs.updates, 1);
});

for (const [what, options] of [
  ['version 16', [{ key: 'optedOut', value: true }, { key: 'subscription', value: true }]],
  ['version 15', [{ key: 'subscription', value: false }]],
]) {
  test(`who opted out at OneSignal (${what}) stays out, and its address is given up`, async () => {
    const page = pageForOneSignal({ tables: { Options: options } });
    const theirs = await reached(page.workers);
    const first = await open(page);
    assert.equal(first.gateway.devices.size, 0);
    assert.equal(await theirs.pushManager.getSubscription(), null);
    assert.equal(first.OneSignal.User.PushSubscription.optedIn, false);
    assert.deepEqual(await kept(page.databases, 'choice'), { opted_out: true }); // also once their database is gone
  });
}

test('without permission nobody is brought over, and without OneSignal no database of its name is made', async () => {
  for (const permission of ['default', 'denied']) {
    const page = pageForOneSignal({ permission, tables: null });
    const theirs = await reached(page.workers);
    const { host, gateway, databases } = await open(page, { requiresUserPrivacyConsent: true }, (OneSignal) => OneSignal.setConsentGiven(true));
    assert.deepEqual([gateway.devices.size, host.Notification.asked, databases.made], [0, 0, []]);
    assert.equal(await keyHeld(theirs), THEIR_KEY);
  }
});

test('a page closed between the old address and the new one is finished by the next visit', async () => {
  const page = pageForOneSignal();
  const theirs = await reached(page.workers);
  theirs.pushManager.fault = 'AbortError';
  const first = await open(page);
  assert.equal(await theirs.pushManager.getSubscription(), null);
  theirs.pushManager.fault = null;
  const { gateway, host } = await open(again(first));
  assert.deepEqual([gateway.devices.size, host.Notification.asked], [1, 0]);
});

test('its other registrations end with it; the shop\'s own worker is left alone', async () => {
  const page = pageForOneSignal();
  const own = await reached(page.workers);
  const other = await reached(page.workers, `${ROOT}push/`, 'push/OneSignalSDKWorker.js?appId=x');
  const shops = page.workers.add(`${ROOT}app/`, `${ROOT}app/sw.js`);
  await open(page);
  assert.deepEqual([own.isGone, other.isGone, await other.pushManager.getSubscription(), shops.isGone], [false, true, null, false]);
});

test('a worker of the shop\'s own at that scope is never replaced', async () => {
  const page = pageForOneSignal();
  page.workers.add(ROOT, `${ROOT}sw.js`);
  const { host } = await open(page);
  assert.deepEqual(page.workers.registered, []);
  assert.ok(host.console.lines.some((line) => line.includes('worker_foreign')));
});

test('version 15\'s second worker file gives way to the first', async () => {
  const page = pageForOneSignal();
  const theirs = await reached(page.workers, ROOT, 'OneSignalSDKUpdaterWorker.js?appId=x');
  const { gateway } = await open(page);
  assert.deepEqual(page.workers.registered, [`${ROOT}OneSignalSDKWorker.js`]);
  assert.deepEqual([await keyHeld(theirs), gateway.devices.size], [KEY, 1]);
});

test('tags come along, and are read back', async () => {
  const page = pageForOneSignal({ tables: { Options: [], properties: [{ modelId: '1', tags: { plan: 'gold', city: 'Utrecht' } }] } });
  await reached(page.workers);
  let read = null;
  const { gateway } = await open(page, {}, async (OneSignal) => {
    await settle();
    await OneSignal.User.addTag('visits', '3');
    await OneSignal.User.removeTag('city');
    read = await OneSignal.User.getTags();
  });
  assert.deepEqual(read, { plan: 'gold', visits: '3' });
  const told = gateway.calls.filter((one) => one.name === 'PATCH /v1/subscriptions/sub_1').map((one) => one.sent.tags);
  assert.deepEqual(told, [{ plan: 'gold', city: 'Utrecht' }, { visits: '3' }, { city: null }]);
});

test('tags of a visitor who has not said yes yet wait for the yes', async () => {
  const page = pageForOneSignal({ permission: 'default', tables: null });
  const { gateway, OneSignal } = await open(page, {}, (OneSignal) => OneSignal.User.addTags({ plan: 'gold' }));
  assert.equal(gateway.devices.size, 0);
  await OneSignal.Notifications.requestPermission();
  await settle();
  const [told] = gateway.calls.filter((one) => one.name.startsWith('PATCH'));
  assert.deepEqual(told.sent.tags, { plan: 'gold' });
});

test('requestPermission asks in the click\'s own turn, subscribes, and answers true', async () => {
  const page = pageForOneSignal({ permission: 'default', tables: null });
  const changes = [];
  const { host, gateway, OneSignal } = await open(page);
  OneSignal.Notifications.addEventListener('permissionChange', (isGranted) => changes.push(isGranted));
  const asking = OneSignal.Notifications.requestPermission();
  assert.equal(host.Notification.asked, 1);
  assert.equal(await asking, true);
  await settle();
  assert.deepEqual([gateway.devices.size, OneSignal.Notifications.permission, changes], [1, true, [true]]);
});

test('optOut leaves and stays out; optIn comes back', async () => {
  const page = pageForOneSignal();
  await reached(page.workers);
  const first = await open(page, {}, async (OneSignal) => { await settle(); await OneSignal.User.PushSubscription.optOut(); });
  assert.deepEqual([first.gateway.devices.size, first.OneSignal.User.PushSubscription.optedIn], [0, false]);
  const { gateway, OneSignal } = await open(again(first));
  assert.equal(gateway.devices.size, 0);
  await OneSignal.User.PushSubscription.optIn();
  assert.equal(gateway.devices.size, 1);
});

test('login takes Steeple\'s proof in the place of the token', async () => {
  assert.deepEqual(proofOf('1795320000.5b1c'), { expires: 1795320000, signature: '5b1c' });
  assert.deepEqual(proofOf({ expires: 1, signature: 'a' }), { expires: 1, signature: 'a' });
  assert.deepEqual(proofOf(undefined), {});
  const page = pageForOneSignal();
  await reached(page.workers);
  const people = [];
  const { gateway, OneSignal } = await open(page, {}, async (one) => {
    one.User.addEventListener('change', ({ current }) => people.push(current.externalId));
    await settle();
    await one.login('cust-17', '1795320000.5b1c');
  });
  assert.deepEqual([OneSignal.User.externalId, people], ['cust-17', ['cust-17']]);
  await OneSignal.logout();
  assert.deepEqual([OneSignal.User.externalId, people], [null, ['cust-17', null]]);
  const told = gateway.calls.find((one) => one.name === 'POST /v1/subscriptions/sub_1/identity');
  assert.deepEqual(told.sent, { external_id: 'cust-17', signature: '5b1c', expires: 1795320000 });
});

test('before consent there is no request and no worker; what was given under OneSignal counts until it is taken back', async () => {
  const consented = { Options: [{ key: 'userConsent', value: true }] };
  const silent = pageForOneSignal();
  await reached(silent.workers);
  const first = await open(silent, { requiresUserPrivacyConsent: true });
  assert.deepEqual([first.gateway.calls, first.workers.registered], [[], []]);
  await first.OneSignal.setConsentGiven(true);
  assert.equal(first.gateway.devices.size, 1);

  const page = pageForOneSignal({ tables: consented });
  await reached(page.workers);
  const second = await open(page, { requiresUserPrivacyConsent: true });
  assert.equal(second.gateway.devices.size, 1);
  await second.OneSignal.setConsentGiven(false);
  assert.equal(second.gateway.devices.size, 0);
  await open(again(second), { requiresUserPrivacyConsent: true });
  assert.equal(await kept(page.databases, 'consented_at_ms'), undefined);
});

test('an init that cannot be carried out is told to the developer, and rejects to no page', async () => {
  const { host } = pageForOneSignal();
  host.document.currentScript = null; // loaded by a bundle: no tag says where the gateway is
  boot(host);
  assert.equal(await host.OneSignal.init({ appId: APP_ID }), undefined);
  assert.match(host.console.lines.join(), /TypeError/);
});

test('calls that Steeple does not have answer, harmlessly, and say so once', async () => {
  const page = pageForOneSignal({ permission: 'default', tables: null });
  const { host, OneSignal } = await open(page, { notifyButton: { enable: true } });
  assert.equal(await OneSignal.User.addEmail('a@b.c'), undefined);
  assert.equal(await OneSignal.Session.sendOutcome('sale', 3), undefined);
  assert.equal(await OneSignal.Nobody.knows.this('call'), undefined);
  await OneSignal.Nobody.knows.this('call');
  assert.equal(await OneSignal, OneSignal); // no promise, whatever it is asked
  const lines = host.console.lines.filter((line) => line.includes('does nothing here'));
  assert.deepEqual(lines.map((line) => /OneSignal\.(\S+) does/.exec(line)[1]),
    ['init.promptOptions', 'User.addEmail', 'Session.sendOutcome', 'Nobody.knows.this']);
});

const slidedown = (delay) => ({ promptOptions: { slidedown: { prompts: [{ type: 'push', autoPrompt: true, delay }] } } });

test('when init lets a slide-down come up by itself, and when it does not', () => {
  assert.deepEqual(autoPromptOf(slidedown()), { views: 1, delay_s: 20 });
  assert.deepEqual(autoPromptOf(slidedown({ pageViews: 3, timeDelay: 5 })), { views: 3, delay_s: 5 });
  assert.deepEqual(autoPromptOf({ promptOptions: { slidedown: { autoPrompt: true, timeDelay: 1, pageViews: 2 } } }), { views: 2, delay_s: 1 });
  const none = [{}, { promptOptions: {} }, { promptOptions: { slidedown: null } }, { promptOptions: { slidedown: { prompts: 'x' } } }, { promptOptions: { slidedown: { enabled: true } } },
    { promptOptions: { slidedown: { prompts: [null, { type: 'sms', autoPrompt: true }, { type: 'push' }] } } }];
  none.forEach((init) => assert.equal(autoPromptOf(init), null));
});

test('a slide-down of init comes up from its page view on, unless the gateway has prompts or the question is settled', async () => {
  const shownAt = async (options, prompts = []) => {
    const page = pageForOneSignal({ permission: 'default', tables: null, ...options });
    const shows = [];
    page.host.Steeple = { version: '0.1.0', on: () => () => {}, state: async () => ({}), prompt: { show: async () => shows.push(1) } };
    await openStore({ indexedDB: page.databases }).set('config', { prompts });
    await open(page, slidedown({ pageViews: 2, timeDelay: 0 }));
    const first = shows.length;
    const next = again(page);
    next.host.Steeple = page.host.Steeple;
    await open(next, slidedown({ pageViews: 2, timeDelay: 0 }));
    return [first, shows.length];
  };
  assert.deepEqual(await shownAt({}), [0, 1]);
  assert.deepEqual(await shownAt({}, [{ slug: 'welcome' }]), [0, 0]);
  assert.deepEqual(await shownAt({ permission: 'denied' }), [0, 0]);
});

test('both queues are taken over: functions of today, lists of version 15', async () => {
  const page = pageForOneSignal({ permission: 'default', tables: null });
  const ran = [];
  page.host.OneSignal = [() => ran.push('function'), ['push', () => ran.push('list')]];
  page.host.OneSignalDeferred = [() => { throw new Error('the page\'s own fault'); }];
  const { host, OneSignal } = await open(page);
  host.OneSignalDeferred.push((one) => ran.push(one === OneSignal));
  OneSignal.push(['push', () => ran.push('late list')]);
  assert.deepEqual(ran, ['function', 'list', true]);
  assert.ok(host.console.lines.some((line) => line.includes('queued function threw')));
});

test('the app is named by the address, by data-app or by init; OneSignal\'s own id is nobody\'s', async () => {
  const appOf = async (options, init) => (await open(pageForOneSignal({ permission: 'default', tables: null, ...options }), init)).gateway;
  assert.equal((await appOf({ src: `${SCRIPT}?app=app_1` })).calls.length, 1);
  assert.equal((await appOf({ src: SCRIPT, attributes: { app: 'app_1' } })).calls.length, 1);
  assert.equal((await appOf({ src: SCRIPT }, { appId: 'app_1' })).calls.length, 1);
  assert.equal((await appOf({ src: SCRIPT })).calls.length, 0);
});

test('worker file and scope are where init says, else where OneSignal has them', async () => {
  const registered = async (init) => {
    const { workers } = await open(pageForOneSignal({ permission: 'default', tables: null }), init);
    return [workers.registered[0].split('?')[0], workers.registrations[0].scope];
  };
  assert.deepEqual(await registered({}), [`${ROOT}OneSignalSDKWorker.js`, ROOT]);
  assert.deepEqual(await registered({ serviceWorkerPath: 'push/OneSignalSDKWorker.js', serviceWorkerParam: { scope: '/push/' } }),
    [`${ROOT}push/OneSignalSDKWorker.js`, `${ROOT}push/`]);
});

test('a page that has Steeple\'s own tag as well keeps that one, and is not brought over twice', async () => {
  const page = pageForOneSignal();
  const theirs = await reached(page.workers);
  const calls = [];
  const noted = (name) => async (...given) => calls.push([name, ...given]);
  page.host.Steeple = {
    version: '0.1.0', on: () => () => {}, state: async () => ({}), login: noted('login'), track: noted('track'), prompt: { show: noted('prompt') },
  };
  await open(page, {}, async (OneSignal) => {
    await OneSignal.login('cust-17', { signature: '5b1c', expires: 1 });
    await OneSignal.User.trackEvent('purchase', { value: 3 });
    await OneSignal.Slidedown.promptPush();
  });
  assert.deepEqual(calls, [['login', 'cust-17', { signature: '5b1c', expires: 1 }], ['track', 'purchase', { value: 3 }], ['prompt']]);
  assert.equal(await keyHeld(theirs), THEIR_KEY);
});

test('what is kept says nothing of the visitor but tags, and that they came over', async () => {
  const page = pageForOneSignal();
  await reached(page.workers);
  const { databases } = await open(page);
  assert.deepEqual(await kept(databases, 'onesignal'), { coming: false, tags: {}, unsent: {} });
});

const NOTIFICATION = { notificationId: 'msg_1', title: 'Sale', additionalData: { sku: 7 } };
const clicked = (fields = {}) => ({ notification: NOTIFICATION, result: { url: 'https://shop.example/sale' }, at_ms: Date.now(), ...fields });

test('a page hears of what is about to be shown, and is told that it cannot keep it back', async () => {
  const page = pageForOneSignal();
  const heard = [];
  const { host, workers } = await open(page, {}, (OneSignal) => OneSignal.Notifications.addEventListener('foregroundWillDisplay', (event) => heard.push(event)));
  for (const data of [null, 'steeple:flush', { steeple: 'display', scope: 'https://shop.example/other/', notification: {} }]) workers.tell(data);
  workers.tell({ steeple: 'display', scope: ROOT, notification: NOTIFICATION });
  assert.deepEqual(heard.map(({ notification }) => notification), [NOTIFICATION]);
  heard[0].preventDefault();
  assert.ok(host.console.lines.some((line) => line.includes('preventDefault')));
});

test('a click is told once: to the page that is open, or to the one that it opens once that listens', async () => {
  const heard = [];
  const listen = (OneSignal) => OneSignal.Notifications.addEventListener('click', (event) => heard.push(event));
  const page = pageForOneSignal();
  const drawer = openStore({ indexedDB: page.databases });
  await drawer.set('clicked', clicked());
  const opened = await open(page);
  assert.deepEqual(heard, []);
  listen(opened.OneSignal);
  await settle();
  assert.deepEqual(heard, [{ notification: NOTIFICATION, result: { url: 'https://shop.example/sale' } }]);
  assert.equal(await drawer.get('clicked'), undefined);

  await drawer.set('clicked', clicked({ result: { actionId: 'buy' } }));
  page.workers.tell({ steeple: 'click', scope: ROOT });
  page.workers.tell({ steeple: 'click', scope: ROOT });
  await settle();
  assert.deepEqual(heard.slice(1).map(({ result }) => result), [{ actionId: 'buy' }]);

  await drawer.set('clicked', clicked({ at_ms: Date.now() - 61000 }));
  await open(again(page), {}, listen);
  assert.equal(heard.length, 2);
});

test('what the worker does not tell is said in the console, what it tells is not', async () => {
  const { host, OneSignal } = await open(pageForOneSignal());
  for (const name of ['click', 'foregroundWillDisplay', 'dismiss']) OneSignal.Notifications.addEventListener(name, () => {});
  assert.deepEqual(host.console.lines.filter((line) => line.includes('does not tell')).map((line) => /"(\w+)"/.exec(line)[1]), ['dismiss']);
});
