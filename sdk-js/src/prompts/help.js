// Which way out of a browser's own "no" a visitor is shown: the family of settings pages their browser belongs to.
import { describe } from '../platform.js';

/** "chrome", "firefox", "safari", "android", "android_firefox", "samsung" or "ios": a key of `help` in the words. */
export function helpFamily(navigator) {
  const { platform, os } = describe(navigator);
  if (os === 'ios') return 'ios';
  if (platform === 'safari') return 'safari';
  if (platform === 'samsung') return 'samsung';
  if (platform === 'firefox') return os === 'android' ? 'android_firefox' : 'firefox';
  return os === 'android' ? 'android' : 'chrome';
}
