// The push service gave this browser another address (pushsubscriptionchange): keep the subscriber, move the address.
// Browsers without this event are mended by the page's next visit.
import { exclusively } from './calls.js';
import { deviceAt } from './device.js';
import { locale } from './platform.js';
import { readSubscription, subscribeWith } from './subscription.js';
import { gatewayCalls } from './wire.js';

async function newAddress(desk, event, config) {
  if (event.newSubscription) return readSubscription(event.newSubscription);
  return config && config.key ? subscribeWith(desk.scope.registration, config.key) : null;
}

async function follow(desk, event) {
  const who = await desk.settings();
  const { opted_out: isOut } = (await desk.store.get('choice')) || {};
  if (!who || isOut) return;
  const config = await desk.config(who, 0); // the key may be what changed: ask, and fall back to the one we know
  const subscription = config && config.killed ? null : await newAddress(desk, event, config);
  if (!subscription) return;
  const platform = await desk.platform();
  const device = deviceAt({
    store: desk.store,
    call: gatewayCalls(desk.scope, who.gateway),
    app: who.app,
    here: () => ({ ...platform, ...locale(desk.scope, who.language) }),
    keyId: () => config && config.keyId,
  });
  const known = await device.read();
  await (known ? device.move(known, subscription) : device.enrol(subscription));
}

export const onAddressChange = (desk, event) => exclusively(desk.scope, () => follow(desk, event)).catch(() => {});
