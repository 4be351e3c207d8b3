// How shops call Steeple, checked by tsc against types/. Each call of the API occurs here (test/types.test.js sees to
// it), and each line marked as an error must be one.
import { startSteeple, VERSION } from '@steeple/sdk-js';
import type { Steeple, SteepleResult, SteepleState, TopicOffer } from '@steeple/sdk-js';
import { useSteeple as useSteepleInReact } from '@steeple/sdk-js/react';
import { useSteeple as useSteepleInVue } from '@steeple/sdk-js/vue';

const steeple: Steeple = startSteeple({ gateway: 'https://push.shop.example', app: 'app_1', consent: 'required' });
const version: string = steeple.version || VERSION;

export async function everyCall(): Promise<void> {
  const done: SteepleResult = await steeple.subscribe({ topics: ['sale'], consentText: 'Yes' });
  await steeple.subscribe();
  await steeple.unsubscribe();
  const state: SteepleState = await steeple.state();
  await steeple.login('cust-17', { signature: '5b1c', expires: 1795320000 });
  await steeple.logout();
  await steeple.topics.add('sale', 'news');
  await steeple.topics.remove('sale');
  const [offer]: TopicOffer[] = await steeple.topics.list();
  await steeple.tags.set({ plan: 'gold', visits: 3, old: null });
  await steeple.preferences.show();
  await steeple.track('add_to_cart', { currency: 'EUR', value: 49.8, items: [{ item_id: 'sku-5', quantity: 2 }], list: 'sale' });
  await steeple.consent.give();
  await steeple.consent.withdraw();
  await steeple.prompt.show('welcome');
  const { items, next } = await steeple.inbox.list({ limit: 10 });
  const { unread } = await steeple.inbox.unread();
  await steeple.inbox.read('msg_1', ['msg_2']);
  await steeple.inbox.show();
  steeple.on('inbox', (news) => console.log(news.unread, items?.[0]?.actions[0]?.url, next, unread));
  const stop: () => void = steeple.on('error', ({ call, reason }) => console.log(call, reason));
  steeple.push((one) => one.on('ready', ({ subscribed }) => subscribed));
  stop();
  console.log(version, done.ok, state.permission, offer?.name);
}

export function everyView(): boolean[] {
  return [useSteepleInReact(steeple).subscribed, useSteepleInVue(steeple).value.subscribed];
}

export function everyMistake(): void {
  // @ts-expect-error a gateway is needed
  startSteeple({ app: 'app_1' });
  // @ts-expect-error the signature belongs to the login
  void steeple.login('cust-17');
  // @ts-expect-error no such event
  steeple.on('clicked', () => {});
  // @ts-expect-error a value is a number
  void steeple.track('purchase', { value: '49.80' });
  // @ts-expect-error topics are slugs
  void steeple.topics.add(7);
}
