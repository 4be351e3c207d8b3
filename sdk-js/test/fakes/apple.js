// Safari on a Mac, and iOS, SIMULATED: no Apple device takes part in our tests. The shapes and rules are those of WebKit's
// own pages ("Web Push for Web Apps on iOS and iPadOS", "Meet Declarative Web Push") and of MDN's compatibility data:
// - a question is put only within the very turn of a click; asked any later it is passed over;
// - a tab on iOS has neither PushManager nor Notification, an app on the home screen has both;
// - from 18.4 on a window has a `pushManager` of its own, which needs no worker, and shows declarative messages itself;
// - iOS tells of no changed address; a subscription may just be gone;
// - a push during which nothing was shown counts against the site, and the third one ends the subscription.
import { FakePushManager } from './push.js';
import { fakeWindow } from './window.js';
import { fakeWorkerScope } from './worker-scope.js';

const MAC = 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.4 Safari/605.1.15';
const IPHONE = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.4 Mobile/15E148 Safari/604.1';
const STRIKES_MAX = 3;

/** Permission as WebKit gives it; `turn.isOpen` is true while a click's own listeners run, and not a moment longer. */
function strictNotification(turn) {
  return {
    permission: 'default',
    asked: 0,
    async requestPermission() {
      if (!turn.isOpen) return this.permission;
      this.asked += 1;
      this.permission = 'granted';
      return this.permission;
    },
  };
}

function appleWindow(overrides, device) {
  const turn = { isOpen: false };
  const host = fakeWindow({ Notification: strictNotification(turn), pushManager: new FakePushManager(), ...overrides });
  Object.assign(host.navigator, device);
  /** A person's click: what `listener` does before it first waits is done within the turn. */
  host.click = (listener) => {
    turn.isOpen = true;
    const done = listener();
    turn.isOpen = false;
    return done;
  };
  return host;
}

export const safariWindow = (overrides) => appleWindow(overrides, { userAgent: MAC, maxTouchPoints: 0 });

/** The shop opened from its icon on the home screen. */
export const iosHomeScreen = (overrides) => appleWindow(overrides, { userAgent: IPHONE, maxTouchPoints: 5, standalone: true });

/** The same on an iPad, which says that it is a Mac. */
export const ipadHomeScreen = (overrides) => appleWindow(overrides, { userAgent: MAC, maxTouchPoints: 5, standalone: true });

/** A tab of Safari, Chrome or Firefox on iOS: they are all WebKit, and none has push. */
export function iosTab(overrides) {
  const host = appleWindow(overrides, { userAgent: IPHONE, maxTouchPoints: 5, standalone: false });
  ['PushManager', 'Notification', 'pushManager'].forEach((name) => delete host[name]);
  return host;
}

/** A worker under WebKit's eye: `strikes` counts pushes that showed nothing, `isEnded` whether they cost the subscription. */
export function appleWorkerScope() {
  const scope = fakeWorkerScope({ navigator: { userAgent: MAC, language: 'nl' }, Notification: {} });
  const { push } = scope;
  scope.strikes = 0;
  scope.push = async (payload) => {
    const before = scope.registration.shown.length;
    await push(payload);
    if (scope.registration.shown.length === before) scope.strikes += 1;
    scope.isEnded = scope.strikes >= STRIKES_MAX;
  };
  return scope;
}
