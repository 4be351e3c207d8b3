// What a prompt's surface shows, as plain data: `{icon, title, body, steps, topics, actions, note}`. Pure: words in, a view out.
// An action is `{id, label, is_main}`; the surface tells which one was pressed and knows nothing else of it.

const CONSENT_CHARS_MAX = 600; // the gateway keeps 2,048 bytes

const action = (id, label, isMain) => ({ id, label, is_main: Boolean(isMain) });

function topicsOf({ topics, language, words, texts }) {
  if (!topics.length) return null;
  return {
    heading: texts.topics || words.topics,
    list: topics.map((one) => ({ slug: one.slug, label: one.texts[language] || one.name, is_checked: one.is_checked })),
  };
}

/** A surface that is part of the page cannot be closed. */
const closing = (words, stays) => (stays ? [] : [action('close', words.close, true)]);

/** The question itself: the shop's texts, also where they say nothing (""), with our words where it has none. */
export function askView(speech) {
  const { title, body, no, yes } = { ...speech.words, ...speech.texts };
  return { title, body, topics: topicsOf(speech), actions: [action('no', no), action('yes', yes, true)] };
}

/** The same where it stands in the page for good: there is nothing to send away. */
export function invitationView(speech) {
  const view = askView(speech);
  return { ...view, actions: view.actions.filter(({ id }) => id === 'yes') };
}

export const thanksView = ({ texts, words }) => ({
  icon: 'done', title: texts.thanks || words.thanks, actions: [action('close', words.close, true)],
});

/** What is said to those who have it on already; it ends as easily as it began. */
export const onView = ({ words }, stays) => ({
  icon: 'done', title: words.on, actions: [action('off', words.off), ...closing(words, stays)],
});

export const helpView = ({ words }, family, stays) => ({
  icon: 'off', title: words.blocked, body: words.unblock, steps: words.help[family], actions: closing(words, stays),
});

export const guideView = ({ words }, stays) => ({
  icon: 'share', title: words.ios, body: words.ios_why, steps: words.ios_steps, actions: closing(words, stays),
});

/** Which of them a prompt opens with: "ask", "on", "help", "guide"; null where push is out of reach here. */
export function openingOf({ reason, subscribed, permission }) {
  if (reason === 'ios_home_screen') return 'guide';
  if (subscribed) return 'on';
  if (permission === 'denied') return 'help';
  return reason ? null : 'ask';
}

/** The words that a yes agrees to, for the proof of consent. */
export const consentText = ({ title, body, actions }, labels) => (
  [title, body, labels.join(', '), `[${actions.find(({ id }) => id === 'yes').label}]`].filter(Boolean).join('\n').slice(0, CONSENT_CHARS_MAX)
);
