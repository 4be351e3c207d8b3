// The part of expo-notifications that is used here, declared after its documentation: the library itself brings the whole
// of Expo along. An app hands the real one over: `import * as notifications from 'expo-notifications'`.

interface Subscription {
  remove(): void;
}

/** The system's own token, Apple's or Firebase's; not Expo's. */
export interface DevicePushToken {
  type: 'ios' | 'android' | string;
  data: unknown;
}

export interface Notification {
  request: {
    content: { data?: Record<string, unknown> | null };
    /** What the system delivered: Apple's whole payload, or Firebase's message. */
    trigger?: unknown;
  };
}

export interface ExpoNotifications {
  getPermissionsAsync(): Promise<{ granted: boolean }>;
  requestPermissionsAsync(): Promise<{ granted: boolean }>;
  getDevicePushTokenAsync(): Promise<DevicePushToken>;
  addPushTokenListener(listener: (token: DevicePushToken) => void): Subscription;
  addNotificationReceivedListener(listener: (notification: Notification) => void): Subscription;
  addNotificationResponseReceivedListener(listener: (response: { notification: Notification }) => void): Subscription;
}
