// Which browser and system this is, in the few words the gateway counts by.
// User agents lie; nothing here decides what is safe, only what is counted and which platform rule applies.

const BROWSERS = [
  ['samsung', /SamsungBrowser\//],
  ['opera', /\bOP[RT]\//],
  ['edge', /\bEdg(e|A|iOS)?\//],
  ['firefox', /Firefox\/|FxiOS\//],
  ['chrome', /Chrom(e|ium)\/|CriOS\//],
  ['safari', /Safari\//],
];
const SYSTEMS = [
  ['ios', /iP(hone|ad|od)/],
  ['android', /Android/],
  ['windows', /Windows/],
  ['macos', /Mac OS X/],
  ['linux', /Linux|X11|CrOS/],
];

const firstMatch = (table, text) => (table.find(([, pattern]) => pattern.test(text)) || ['other'])[0];

/** `{platform, os}` of a navigator. An iPad calls itself a Mac, but no Mac has a touch screen. */
export function describe(navigator) {
  const agent = String((navigator && navigator.userAgent) || '');
  const os = firstMatch(SYSTEMS, agent);
  return {
    platform: firstMatch(BROWSERS, agent),
    os: os === 'macos' && navigator.maxTouchPoints > 1 ? 'ios' : os,
  };
}

/** Whether Apple's rules apply: every push must show something, and soon. Chromium calls itself AppleWebKit as well. */
export const isWebKit = ({ userAgent }) => /AppleWebKit\/(?!.*Chrom(e|ium)\/)/.test(userAgent);

/** Whether it is Firefox's engine: others call themselves "like Gecko", without a version. */
export const isGecko = ({ userAgent }) => /Gecko\//.test(userAgent);

/** What may change from visit to visit: the person's language and time zone. */
export function locale(host, language) {
  let timezone;
  try {
    timezone = new Intl.DateTimeFormat().resolvedOptions().timeZone;
  } catch (e) {
    // A browser without Intl: the gateway falls back to the app's own zone.
  }
  return { language: language || (host.navigator && host.navigator.language) || undefined, timezone };
}
