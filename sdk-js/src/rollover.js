// The push service gave this browser another address (pushsubscriptionchange): keep the subscriber, move the address.
// Browsers without this event are mended by the page's next visit.
import { exclusively } from './calls.js';
import { deviceAt } from './device.js';
import { locale } from './platform.js';
import { readSubscription, subscribeWith } from './subscription.js';
import { gatewayCalls } from './wire.js';

async function newAddress(desk, event, config) {
  const { key } = config || {};
  const given = readSubscription(event.newSubscription);
  // Browsers renew with the key of the old address, which may have been replaced meanwhile.
  if (given && (!key || !given.key || given.key === key)) return given;
  return key ? subscribeWith(desk.scope.registration, key) : null;
}

/** A subscriber is followed, and who blocked the shop and allows it again; nobody who left, and no stranger. */
async function isFollowed({ store }) {
  const { opted_out: isOut, blocked: mayReturn } = (await store.get('choice')) || {};
  return !isOut && Boolean(mayReturn || await store.get('device'));
}

async function follow(desk, event) {
  const who = await desk.settings();
  if (!who || !await isFollowed(desk)) return;
  const config = await desk.config(who, 0); // the key may be what changed: ask, and fall back to the one we know
  const subscription = config && config.killed ? null : await newAddress(desk, event, config);
  if (!subscription) return;
  const device = deviceAt({
    store: desk.store,
    call: gatewayCalls(desk.scope, who.gateway),
    app: who.app,
    here: () => ({ os: who.os, ...locale(desk.scope, who.language) }), // as the page saw it
    keyId: () => config && config.keyId,
  });
  const known = await device.read();
  await (known ? device.move(known, subscription) : device.enrol(subscription));
}

export const onAddressChange = (desk, event) => exclusively(desk.scope, () => follow(desk, event)).catch(() => {});
