// The preference centre's form as plain values: what it shows of what was chosen, and what a change of it sends.

const DAY_MS = 86400 * 1000;
const OFTEN = { day: { max: 1, per: 'P1D' }, '3week': { max: 3, per: 'P7D' }, week: { max: 1, per: 'P7D' } };
const PAUSES_MS = { day: DAY_MS, week: 7 * DAY_MS, month: 30 * DAY_MS };
const NIGHT = { from: '22:00', to: '08:00' };

const isSame = (one, other) => JSON.stringify(one) === JSON.stringify(other);
const sorted = (list) => [...list].sort();

function oftenOf(frequency) {
  if (!frequency) return 'any';
  const known = Object.keys(OFTEN).find((name) => OFTEN[name].max === frequency.max && OFTEN[name].per === frequency.per);
  return known || 'own';
}

/** What the form shows of an answer of `GET /v1/preferences`. */
export function fieldsOf({ topics, frequency, quiet_hours: quiet, paused_until: pausedUntil, channels_off: off }) {
  return {
    topics: topics.filter((one) => one.subscribed).map((one) => one.slug),
    often: oftenOf(frequency),
    quiet: Boolean(quiet),
    from: (quiet || NIGHT).from,
    to: (quiet || NIGHT).to,
    weekends: Boolean(quiet && quiet.weekends),
    pause: pausedUntil ? 'keep' : 'none',
    off: [...off],
  };
}

/** The choices of a list, each with the name of its words: what stands there already comes with it. */
export const offered = {
  often: ({ often }) => ['any', ...Object.keys(OFTEN), ...(often === 'own' ? ['own'] : [])],
  pause: ({ pause }) => ['none', ...Object.keys(PAUSES_MS), ...(pause === 'keep' ? ['keep'] : [])],
};

function quietOf({ quiet, from, to, weekends }, kept) {
  if (!quiet || !from || !to) return null;
  return { from, to, weekends, holidays: Boolean(kept && kept.holidays) };
}

function pauseOf(pause, now_ms) {
  return pause === 'none' ? null : new Date(now_ms + PAUSES_MS[pause]).toISOString();
}

/** The body of the change: what differs from what was shown, and nothing else; null where nothing does. */
export function changeOf(answer, fields, now_ms) {
  const before = fieldsOf(answer);
  const quiet = quietOf(fields, answer.quiet_hours);
  const change = {};
  if (!isSame(sorted(fields.topics), sorted(before.topics))) change.topics = fields.topics;
  if (fields.often !== before.often) change.frequency = OFTEN[fields.often] || null;
  if (!isSame(quiet, quietOf(before, answer.quiet_hours))) change.quiet_hours = quiet;
  if (fields.pause !== before.pause) change.paused_until = pauseOf(fields.pause, now_ms);
  if (!isSame(sorted(fields.off), sorted(before.off))) change.channels_off = fields.off;
  return Object.keys(change).length ? change : null;
}
