// Putting a prompt to the visitor, one question at a time: the variant that is theirs, in their language, in its place.
import { failed, OK } from '../wire.js';
import { converse } from './conversation.js';
import { createFunnel } from './funnel.js';
import { placesOf } from './markup.js';
import { declined, refused } from './memory.js';
import { createDictionary, speechOf, wantedLanguages } from './speech.js';
import { drawVariant } from './variant.js';

export function createAsking({ host, options, visit, api, enter }, notebook) {
  const { document } = host;
  const dictionary = createDictionary(host, options.gateway);
  const report = createFunnel(host, visit.call, options.app);
  const surfaces = new Map(); // by the shop's own element: its buttons are wired up once
  let talk = null; // the conversation under way

  const press = (id) => talk && talk.press(id);

  /** Tells the funnel, and remembers what must not be forgotten. */
  const teller = (prompt, variant) => (outcome) => {
    report({ prompt: prompt.slug, variant: variant.name, outcome });
    const changes = { denied: refused, dismissed: (memory, now_ms) => declined(memory, prompt.back_off_days, now_ms) };
    return changes[outcome] && notebook.note(changes[outcome]);
  };

  /** The variant of a prompt that is this visitor's: `{speech, tell}`. Rejects where our words cannot be loaded. */
  async function prepare(prompt) {
    const variant = drawVariant(notebook.now().seed, prompt.slug, prompt.variants);
    const { language: fallback } = visit.config;
    const speech = await speechOf(prompt, variant, { wanted: wantedLanguages(host, options.language), fallback, dictionary, data: options.data });
    return { speech, tell: teller(prompt, variant) };
  }

  // Before the body: in the order of the keyboard it comes first, and no rule of the page for its own elements meets it.
  const overPage = (shell) => document.documentElement.insertBefore(shell, document.body);
  const besideBell = (shell) => document.documentElement.append(shell);

  async function surfaceOf({ kind, slug }) {
    const { createSurface, createOwnSurface } = await enter('cards');
    const frame = createSurface('frame', { place: kind === 'bell' ? besideBell : overPage, press });
    const [holder] = kind === 'custom' ? placesOf(document, slug) : [];
    if (!holder) return frame;
    if (!surfaces.has(holder)) surfaces.set(holder, createOwnSurface(holder, frame, press));
    return surfaces.get(holder);
  }

  async function begin(prompt, takesFocus) {
    const { speech, tell } = await prepare(prompt);
    const surface = await surfaceOf(prompt);
    const state = await api.state();
    talk = converse({ host, api, surface, speech, tell, onEnd: () => { talk = null; } });
    return talk.open(state, takesFocus) ? OK : failed(state.reason);
  }

  /** Puts a prompt to the visitor over the page; `takesFocus`: they asked for it. Answers like a public call. */
  async function present(prompt, takesFocus) {
    if (talk) return failed('not_now');
    talk = { press() {}, end() {} }; // the place is taken while the words are on their way
    let done = failed('internal');
    try {
      done = await begin(prompt, takesFocus);
    } finally {
      if (!done.ok) talk = null;
    }
    return done;
  }

  /** Puts it into the page itself, where it stays and says what fits now. */
  async function settleIn(prompt, holder) {
    const { speech, tell } = await prepare(prompt);
    let own = null;
    const refresh = async () => own.open(await api.state());
    const { createSurface } = await enter('cards');
    const surface = createSurface('inline', { place: (shell) => holder.append(shell), press: (id) => own.press(id) });
    own = converse({ host, api, surface, speech, tell, stays: true, onEnd: refresh });
    await refresh();
    ['subscribed', 'unsubscribed', 'denied'].forEach((event) => api.on(event, () => own.isBusy() || refresh()));
  }

  /** Hangs up a bell that opens the prompt, and closes it again. */
  async function hang(prompt) {
    const { speech } = await prepare(prompt);
    const { hangBell } = await enter('cards');
    const ring = () => (talk ? talk.end() : present(prompt, true));
    hangBell(speech.look, { label: speech.words.bell, place: besideBell, ring });
  }

  return { present, settleIn, hang };
}
