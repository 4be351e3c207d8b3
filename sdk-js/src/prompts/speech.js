// What a prompt says and how it looks to this visitor: the shop's texts where it wrote some, our words for the rest.
import { directionOf, languageOf, wordsFor } from './languages.js';
import { VERSION } from '../version.js';

const SCHEMES = ['light', 'dark', 'auto'];
const CORNERS = ['top-left', 'top-right', 'bottom-left', 'bottom-right'];

/** Our words of a language, asked for once a page. Rejects where they cannot be loaded; the next call tries again. */
export function createDictionary(host, gateway) {
  const loading = new Map();

  async function load(name) {
    const answer = await host.fetch(`${gateway}/sdk/${VERSION}/words-${name}.json`, { credentials: 'omit', referrerPolicy: 'no-referrer' });
    if (!answer.ok) throw new Error(`the words of ${name} were not loaded: ${answer.status}`);
    return answer.json();
  }

  return function dictionary(language) {
    const name = wordsFor(language);
    if (!loading.has(name)) loading.set(name, load(name));
    loading.get(name).catch(() => loading.delete(name));
    return loading.get(name);
  };
}

/** The languages to try, best first: the tag's, the page's, the visitor's. */
export const wantedLanguages = ({ document, navigator }, option) => (
  [option, document.documentElement.lang, ...(navigator.languages || [navigator.language])]
);

/** Where a card goes. A bell's card opens above it, so it has a corner whatever the theme says. */
function positionOf(kind, position) {
  if (kind !== 'bell') return position || 'top';
  return CORNERS.includes(position) ? position : 'bottom-right';
}

/** A ground and its letters go together: who replaces the ground alone gets letters that can be read on it. */
const pair = (theme, ground, ink, [ownGround, ownInk]) => (
  ownGround || ownInk ? { [ground]: ownGround || theme[ground], [ink]: ownInk } : {}
);

/** A theme with what the script tag says of it: `data-prompt-accent`, `-accent-text`, `-background`, `-text`, `-scheme`, `-position`. */
const themeOf = (theme, data) => ({
  ...theme,
  ...pair(theme, 'accent', 'accent_text', [data.promptAccent, data.promptAccentText]),
  ...pair(theme, 'background', 'text', [data.promptBackground, data.promptText]),
  scheme: data.promptScheme || theme.scheme,
  position: data.promptPosition || theme.position,
});

/**
 * @param {object} prompt as in the settings; variant: the one drawn for this visitor
 * @param {{wanted: string[], fallback: ?string, dictionary: function, data: object}} here of this page; `data`: the tag's attributes
 * @returns {{texts, words, language, topics, look}} `look` is what surfaces draw by
 */
export async function speechOf(prompt, variant, { wanted, fallback, dictionary, data }) {
  const theme = themeOf(variant.theme, data);
  const spoken = languageOf(variant.texts, wanted, fallback);
  const words = await dictionary(spoken);
  return {
    texts: variant.texts[spoken] || {},
    words,
    language: spoken,
    topics: prompt.topics,
    look: {
      theme,
      scheme: SCHEMES.includes(theme.scheme) ? theme.scheme : 'auto',
      position: positionOf(prompt.kind, theme.position),
      over: prompt.kind === 'bell' ? 'bell' : null,
      language: spoken,
      direction: directionOf(spoken),
      role: prompt.kind === 'inline' ? 'region' : 'dialog',
      picture: theme.icon || null,
    },
  };
}
