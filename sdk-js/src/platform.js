// Which browser and system this is.
// User agents lie; nothing here decides what is safe, only what is counted, what is advised and which platform rule applies.

const BROWSERS = [
  ['samsung', /SamsungBrowser\//],
  ['opera', /\bOP[RT]\//],
  ['edge', /\bEdg(e|A|iOS)?\//],
  ['firefox', /Firefox\/|FxiOS\//],
  ['chrome', /Chrom(e|ium)\/|CriOS\//],
  ['safari', /Safari\//],
];
const SYSTEMS = [
  ['android', /Android/],
  ['windows', /Windows/],
  ['macos', /Mac OS X/],
  ['linux', /Linux|X11|CrOS/],
];

const firstMatch = (table, text) => (table.find(([, pattern]) => pattern.test(text)) || ['other'])[0];

/** Whether this is iOS. An iPad calls itself a Mac, but no Mac has a touch screen. */
export const isIos = ({ userAgent, maxTouchPoints }) => /iP(hone|ad|od)/.test(userAgent)
  || (/Mac OS X/.test(userAgent) && maxTouchPoints > 1);

/** `{platform, os}` of a navigator, in the words of the texts that help a person in their browser's settings. */
export function describe(navigator) {
  const agent = String(navigator.userAgent);
  return { platform: firstMatch(BROWSERS, agent), os: isIos(navigator) ? 'ios' : firstMatch(SYSTEMS, agent) };
}

/** What the gateway cannot read in what the browser calls itself; the rest it reads there. */
export const disguise = (navigator) => (isIos(navigator) ? { os: 'ios' } : {});

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
