// An Expo or React Native app on a Steeple gateway: expo-notifications speaks to the phone, the device API to the gateway.
//
//   const app = createSteepleApp({ device, notifications, bundleId: 'com.shop.app', environment: 'production' });
//   const { registered, subscribe } = useSteepleApp(app);   // in a component; starts the app once
import { useCallback, useEffect, useState } from 'react';
import { createApp } from '@steeple/sdk-js/device/app';
import type { App, Phone } from '@steeple/sdk-js/device/app';
import type { Address, Device, DeviceResult, Wish } from '@steeple/sdk-js/device';
import type { DevicePushToken, ExpoNotifications, Notification } from './notifications.js';

export type { ExpoNotifications } from './notifications.js';

export interface SteepleAppOptions {
  device: Device;
  notifications: ExpoNotifications;
  /** Of the app at Apple; Android needs neither of these two. */
  bundleId: string;
  environment: 'production' | 'sandbox';
}

type Data = Record<string, unknown>;

/** The data of the push: Firebase's is the content's; Apple's whole payload stands in the trigger. */
function dataOf({ request }: Notification): Data {
  const { payload } = (request.trigger || {}) as { payload?: Data | null };
  return { ...payload, ...request.content.data };
}

function phoneOf({ notifications, bundleId, environment }: Omit<SteepleAppOptions, 'device'>): Phone {
  const addressOf = ({ type, data }: DevicePushToken): Address => (type === 'ios'
    ? { channel: 'apns', token: String(data), bundle_id: bundleId, environment }
    : { channel: 'fcm', token: String(data) });

  const stopOf = (held: { remove(): void }) => () => held.remove();

  return {
    isPermitted: async () => (await notifications.getPermissionsAsync()).granted,
    ask: async () => (await notifications.requestPermissionsAsync()).granted,
    address: async () => addressOf(await notifications.getDevicePushTokenAsync()),
    onAddress: (listener) => stopOf(notifications.addPushTokenListener((token) => listener(addressOf(token)))),
    onShown: (listener) => stopOf(notifications.addNotificationReceivedListener((one) => listener(dataOf(one)))),
    onClicked: (listener) => stopOf(
      notifications.addNotificationResponseReceivedListener(({ notification }) => listener(dataOf(notification))),
    ),
  };
}

export function createSteepleApp({ device, ...rest }: SteepleAppOptions): App {
  return createApp({ device, phone: phoneOf(rest) });
}

export interface SteepleAppState {
  /** Null until it is known. */
  registered: boolean | null;
  /** Why the last call came to nothing. */
  reason: string | null;
  subscribe(wish?: Wish): Promise<DeviceResult>;
  unsubscribe(): Promise<DeviceResult>;
}

/** Starts the app with the component, and tells whether this device is registered. */
export function useSteepleApp(app: App): SteepleAppState {
  const [last, setLast] = useState<{ registered: boolean | null; reason: string | null }>({ registered: null, reason: null });

  const note = useCallback((done: DeviceResult) => {
    setLast({ registered: done.ok && done.id !== null, reason: done.reason });
    return done;
  }, []);

  useEffect(() => {
    void app.start().then(note);
    return () => void app.stop();
  }, [app, note]);

  const subscribe = useCallback((wish?: Wish) => app.subscribe(wish).then(note), [app, note]);
  const unsubscribe = useCallback(() => app.unsubscribe().then(note), [app, note]);
  return { ...last, subscribe, unsubscribe };
}
