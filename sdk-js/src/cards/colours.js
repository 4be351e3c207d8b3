// A prompt's theme as a style sheet. Only what is surely a colour or a number gets into it, and a colour that comes
// without the one to be read on it gets black or white, whichever can be read better (WCAG 2.2, 1.4.3).

const HEX = /^#[0-9a-f]{6}$/i;

const channel = (value) => {
  const share = value / 255;
  return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
};

/** Relative luminance of `#rrggbb`, WCAG 2.2. */
function luminance(colour) {
  const [red, green, blue] = [1, 3, 5].map((at) => channel(parseInt(colour.slice(at, at + 2), 16)));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** Black or white, whichever stands out more on `colour`. */
export const readableOn = (colour) => (luminance(colour) > 0.179 ? '#000000' : '#ffffff');

const isColour = (text) => typeof text === 'string' && HEX.test(text);

function pair(names, [ground, ink]) {
  const [one, other] = names;
  const read = isColour(ink) ? ink : isColour(ground) && readableOn(ground);
  return `${isColour(ground) ? `${one}:${ground};` : ''}${read ? `${other}:${read};` : ''}`;
}

const scheme = (prefix, { accent, accent_text: accentText, background, text }) => (
  pair([`--${prefix}-accent`, `--${prefix}-accent-text`], [accent, accentText])
  + pair([`--${prefix}-background`, `--${prefix}-text`], [background, text])
);

/** The variables of a theme, `:host{...}`. A dark scheme without an accent of its own takes the light one's. */
export function themeSheet(theme) {
  const { accent, accent_text: accentText, dark, corner_px: corner } = theme;
  const night = dark && dark.accent ? dark : { ...dark, accent, accent_text: accentText };
  const radius = typeof corner === 'number' && corner >= 0 ? `--p-corner:${corner}px;` : '';
  return `:host{${scheme('day', theme)}${scheme('night', night)}${radius}}`;
}
