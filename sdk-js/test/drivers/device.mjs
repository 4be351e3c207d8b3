// The app of the journey of device clients: does what each line of its input says, and answers with one line.
// plugins/java/test/Driver.java is the same in Java.
import { createInterface } from 'node:readline';
import { createDevice } from '../../device/index.js';

const [gateway, key] = process.argv.slice(2);
const store = { kept: null, get() { return this.kept; }, set(device) { this.kept = device; } };
const device = createDevice({ gateway, key, store });

/** "plan=gold", "old=": a text, or null. */
const tagsOf = (words) => Object.fromEntries(words.map((word) => word.split('=')).map(([name, value]) => [name, value || null]));

const calls = {
  register: (token) => device.register({ channel: 'fcm', token, language: 'nl', timezone: 'Europe/Amsterdam' }),
  topics: (...slugs) => device.setTopics(slugs),
  tags: (...words) => device.setTags(tagsOf(words)),
  login: (user, signature, expires) => device.login(user, { signature, expires: Number(expires) }),
  logout: () => device.logout(),
  report: (kind, ...tokens) => device.report(kind, tokens),
  track: (id, name) => device.track(id, name, { value: 12.5, currency: 'EUR' }),
  forget: async () => { store.kept = { ...store.kept, secret: `${store.kept.secret}x` }; return { ok: true }; },
  leave: () => device.leave(),
};

function lineOf({ ok, reason, code, param }) {
  if (ok) return `ok ${store.kept ? store.kept.id : 'nobody'}`;
  return reason === 'not_registered' ? 'not yet' : `refused ${code} ${param} ${reason === 'busy'}`;
}

for await (const line of createInterface({ input: process.stdin })) {
  const [word, ...rest] = line.split(' ');
  console.log(lineOf(await calls[word](...rest)));
}
