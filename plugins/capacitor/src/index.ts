// A Capacitor app on a Steeple gateway: the official plugin speaks to the phone, the device API to the gateway.
//
//   const app = createSteepleApp({ device, bundleId: 'com.shop.app', environment: 'production' });
//   await app.start();                                   // at each start
//   button.onclick = () => app.subscribe({ topics: ['sale'] });
import { Capacitor } from '@capacitor/core';
import { PushNotifications } from '@capacitor/push-notifications';
import type { PushNotificationsPlugin, Token } from '@capacitor/push-notifications';
import { createApp } from '@steeple/sdk-js/device/app';
import type { App, Phone } from '@steeple/sdk-js/device/app';
import type { Address, Device } from '@steeple/sdk-js/device';

const TOKEN_LIMIT_MS = 30_000;

export interface SteepleAppOptions {
  device: Device;
  /** Of the app at Apple; Android needs neither of these two. */
  bundleId: string;
  /** "sandbox" for builds that Xcode installs, "production" for TestFlight and the store. */
  environment: 'production' | 'sandbox';
  /** For tests: another plugin and platform than Capacitor's own. */
  push?: PushNotificationsPlugin;
  platform?: string;
}

/** What the plugin tells of this phone. On iOS its token is Apple's own, unless the app adds Firebase. */
function phoneOf({ push, platform, bundleId, environment }: Required<Omit<SteepleAppOptions, 'device'>>): Phone {
  const addressOf = ({ value }: Token): Address => (platform === 'ios'
    ? { channel: 'apns', token: value, bundle_id: bundleId, environment }
    : { channel: 'fcm', token: value });

  const listening = async (handle: Promise<{ remove(): Promise<void> }>) => {
    const held = await handle;
    return () => held.remove();
  };

  /** The plugin answers `register()` by an event; one that never comes must not keep the app waiting. */
  const askForToken = async (): Promise<Token> => {
    const stops: Array<() => Promise<void>> = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      return await new Promise<Token>((resolve, reject) => {
        timer = setTimeout(() => reject(new Error('the system gave no token in time')), TOKEN_LIMIT_MS);
        const ready = [
          listening(push.addListener('registration', resolve)),
          listening(push.addListener('registrationError', ({ error }) => reject(new Error(error)))),
        ];
        Promise.all(ready).then((all) => { stops.push(...all); return push.register(); }).catch(reject);
      });
    } finally {
      clearTimeout(timer);
      await Promise.all(stops.map((stop) => stop()));
    }
  };

  return {
    isPermitted: async () => (await push.checkPermissions()).receive === 'granted',
    ask: async () => (await push.requestPermissions()).receive === 'granted',
    address: async () => addressOf(await askForToken()),
    onAddress: (listener) => listening(push.addListener('registration', (token) => listener(addressOf(token)))),
    onShown: (listener) => listening(push.addListener('pushNotificationReceived', ({ data }) => listener(data))),
    onClicked: (listener) => listening(
      push.addListener('pushNotificationActionPerformed', ({ notification }) => listener(notification.data)),
    ),
  };
}

export function createSteepleApp({ device, push = PushNotifications, platform = Capacitor.getPlatform(), ...rest }: SteepleAppOptions): App {
  return createApp({ device, phone: phoneOf({ push, platform, ...rest }) });
}
