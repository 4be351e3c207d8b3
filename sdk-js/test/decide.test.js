// What a visit mends: each line of the table is one thing a shop's visitor can come back with.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide, REFRESH_AFTER_MS, RETRY_AFTER_MS } from '../src/decide.js';

const NOW = 1_800_000_000_000;
const held = { endpoint: 'https://push.example/1', key: 'KEY' };
const device = { endpoint: held.endpoint, language: 'nl', timezone: 'Europe/Amsterdam', seen_at_ms: NOW - 1000 };
const calm = {
  killed: false, opted_out: false, permission: 'granted', now_ms: NOW, failed_at_ms: undefined,
  subscription: held, device, key: 'KEY', here: { language: 'nl', timezone: 'Europe/Amsterdam' },
};

const table = [
  ['everything agrees', {}, 'nothing', 'in_step'],
  ['the operator switched the SDK off', { killed: true, device: null }, 'nothing', 'killed'],
  ['a stranger who never asked', { device: null, subscription: null, permission: 'default' }, 'nothing', 'no_permission'],
  ['permission granted for another purpose', { device: null, subscription: null }, 'nothing', 'never_subscribed'],
  ['the browser lost the subscription', { subscription: null }, 'resubscribe', 'subscription_lost'],
  ['the push service moved the browser', { subscription: { ...held, endpoint: 'https://push.example/2' } }, 'move', 'endpoint_changed'],
  ['the app got a new key', { key: 'NEW' }, 'resubscribe', 'key_changed'],
  ['a new key, but our id is lost too', { key: 'NEW', device: null }, 'resubscribe', 'key_changed'],
  ['a browser that does not tell its key', { key: 'NEW', subscription: { ...held, key: null } }, 'nothing', 'in_step'],
  ['no key in the settings', { key: null }, 'nothing', 'in_step'],
  ['site data cleared, subscription still there', { device: null }, 'enrol', 'not_enrolled'],
  ['permission taken back', { permission: 'denied', subscription: null }, 'leave', 'permission_lost'],
  ['permission reset to ask', { permission: 'default', subscription: null }, 'leave', 'permission_lost'],
  ['denied and told already', { permission: 'denied', subscription: null, device: null }, 'nothing', 'no_permission'],
  ['left, and everything knows', { opted_out: true, subscription: null, device: null }, 'nothing', 'opted_out'],
  ['left, but the gateway was away', { opted_out: true, subscription: null }, 'leave', 'opted_out'],
  ['left, but the browser kept the subscription', { opted_out: true, device: null }, 'leave', 'opted_out'],
  ['left, and is never resubscribed by a new key', { opted_out: true, subscription: null, device: null, key: 'NEW' }, 'nothing', 'opted_out'],
  ['moved to another time zone', { here: { language: 'nl', timezone: 'Asia/Tokyo' } }, 'amend', 'locale_changed'],
  ['a zone the browser will not tell', { here: { language: 'nl', timezone: undefined } }, 'nothing', 'in_step'],
  ['an hour later', { device: { ...device, seen_at_ms: NOW - REFRESH_AFTER_MS } }, 'amend', 'still_here'],
  ['a clock that was set back', { device: { ...device, seen_at_ms: NOW + 1000 } }, 'amend', 'still_here'],
  ['the gateway failed a minute ago', { subscription: null, failed_at_ms: NOW - 60_000 }, 'nothing', 'backing_off'],
  ['the gateway failed a while ago', { subscription: null, failed_at_ms: NOW - RETRY_AFTER_MS }, 'resubscribe', 'subscription_lost'],
];

for (const [situation, changes, action, why] of table) {
  test(`${situation}: ${action} (${why})`, () => {
    const decided = decide({ ...calm, ...changes });
    assert.deepEqual([decided.do, decided.why], [action, why]);
  });
}

test('only what changed is told to the gateway', () => {
  const { fields } = decide({ ...calm, here: { language: 'nl', timezone: 'Asia/Tokyo' } });
  assert.deepEqual(fields, { timezone: 'Asia/Tokyo' });
});
