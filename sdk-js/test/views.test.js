// useSteeple in React itself (react-test-renderer) and in Vue's own reactivity (@vue/reactivity, installed as `vue`: the
// names that are imported are the same ones).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createElement } from 'react';
import renderer, { act } from 'react-test-renderer';
import { effectScope } from 'vue';
import { liveOf } from '../bindings/live.js';
import { useSteeple as useInReact } from '../react/index.js';
import { startSteeple } from '../src/module.js';
import { useSteeple as useInVue } from '../vue/index.js';
import { fakeNotification, fakeWindow } from './fakes/window.js';

globalThis.IS_REACT_ACT_ENVIRONMENT = true;

async function started() {
  const steeple = startSteeple({ gateway: 'https://push.shop.example', app: 'app_1' }, fakeWindow({ Notification: fakeNotification('granted') }));
  await new Promise((resolve) => { steeple.on('ready', resolve); });
  return steeple;
}

/** A call, and the moment when every view was told of what it changed. */
async function done(steeple, call) {
  const { get, subscribe } = liveOf(steeple);
  const before = get().subscribed;
  let stop = null;
  const told = new Promise((resolve) => { stop = subscribe(() => get().subscribed !== before && resolve()); });
  await call();
  await told;
  stop();
}

test('a React component renders again when somebody subscribes, and not after it is gone', async () => {
  const steeple = await started();
  const seen = [];
  const Bell = () => {
    const { subscribed } = useInReact(steeple);
    seen.push(subscribed);
    return subscribed ? 'on' : 'off';
  };
  let tree;
  await act(async () => { tree = renderer.create(createElement(Bell)); });
  assert.equal(tree.toJSON(), 'off');
  await act(() => done(steeple, steeple.subscribe));
  assert.equal(tree.toJSON(), 'on');
  await act(async () => { tree.unmount(); });
  const times = seen.length;
  await done(steeple, steeple.unsubscribe);
  assert.equal(seen.length, times);
});

test('a Vue scope follows the state, and lets go when it is disposed of', async () => {
  const steeple = await started();
  const scope = effectScope();
  const state = scope.run(() => useInVue(steeple));
  assert.equal(state.value.subscribed, false);
  await done(steeple, steeple.subscribe);
  assert.equal(state.value.subscribed, true);
  scope.stop();
  await done(steeple, steeple.unsubscribe);
  assert.equal(state.value.subscribed, true);
});
