// Which language a prompt speaks, and which way it runs.

/** The languages that we bring words in; a test holds the list to the folder words/. */
export const WORDS = ['ar', 'cs', 'da', 'de', 'en', 'es', 'fi', 'fr', 'he', 'it', 'ja', 'nl', 'pl', 'pt', 'sv', 'tr', 'uk'];
const RIGHT_TO_LEFT = ['ar', 'he', 'fa', 'ur', 'ps', 'ckb', 'dv', 'yi'];

const base = (tag) => tag.toLowerCase().split(/[-_]/)[0];

export const directionOf = (tag) => (RIGHT_TO_LEFT.includes(base(tag)) ? 'rtl' : 'ltr');

/** The entry of `list` that fits `tag`: the very same, else the same language of another or no region. */
function fitting(list, tag) {
  const same = (wanted, write) => list.find((one) => write(one) === wanted);
  return same(tag.toLowerCase(), (one) => one.toLowerCase()) || same(base(tag), (one) => one.toLowerCase()) || same(base(tag), base);
}

/** The best of `list` for somebody who wants `wanted`, best first; undefined when none fits. */
export function pickLanguage(list, wanted) {
  const fits = wanted.filter(Boolean).map((tag) => fitting(list, String(tag)));
  return fits.find(Boolean);
}

/** The language to speak: one the shop wrote texts in, else, with no texts of the shop's, one that we bring along. */
export function languageOf(texts, wanted, fallback) {
  const own = Object.keys(texts);
  if (!own.length) return pickLanguage(WORDS, [...wanted, fallback]) || 'en';
  return pickLanguage(own, [...wanted, fallback, 'en']) || own[0];
}

/** The file of words for a language: English where we have none. */
export const wordsFor = (language) => pickLanguage(WORDS, [language]) || 'en';
