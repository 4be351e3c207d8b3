// What our own words say here, and how a moment reads: "3 hours ago".
import { directionOf, pickLanguage } from '../../prompts/languages.js';
import { wantedLanguages } from '../../prompts/speech.js';
import { WORDS } from './words.js';

const UNITS = [['day', 86400], ['hour', 3600], ['minute', 60]];

/** How long ago, in whole units; the day itself beyond a week. */
export function agoOf(at_ms, now_ms, language) {
  const seconds = Math.max(0, (now_ms - at_ms) / 1000);
  if (!(seconds < 7 * 86400)) return new Intl.DateTimeFormat(language, { dateStyle: 'medium' }).format(at_ms);
  const [unit, size] = UNITS.find(([, one]) => seconds >= one) || UNITS[2];
  return new Intl.RelativeTimeFormat(language, { numeric: 'auto' }).format(-Math.floor(seconds / size), unit);
}

/** `speaker()` -> `{title, close, empty, more, fresh, message, language, direction, scheme}` for this page as it is now. */
export function speakerOf({ host, options }) {
  return function speaker() {
    const language = pickLanguage(Object.keys(WORDS), wantedLanguages(host, options.language)) || 'en';
    const [title, close, empty, more, fresh, message] = WORDS[language];
    return { title, close, empty, more, fresh, message, language, direction: directionOf(language), scheme: options.data.inboxScheme || 'auto' };
  };
}
