// The words of the preference centre come with the answer, in the visitor's language: none are in this file.

const RIGHT_TO_LEFT = ['ar', 'fa', 'he', 'ur'];

export const directionOf = (language) => (RIGHT_TO_LEFT.includes(language) ? 'rtl' : 'ltr');

/** `say(name, values)`: the words of this name, `{place}` filled in; the name itself where there are none. */
export const wordsOf = ({ texts }) => (name, values = {}) => (
  String(texts[name] || name).replace(/\{(\w+)\}/g, (all, place) => (place in values ? values[place] : all))
);

/** A moment as people of this language write a day and an hour. */
export function writtenAt(moment, language) {
  try {
    return new Date(moment).toLocaleString(language, { dateStyle: 'long', timeStyle: 'short' });
  } catch (e) {
    return new Date(moment).toLocaleString();
  }
}
