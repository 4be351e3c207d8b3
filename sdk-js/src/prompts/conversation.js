// One prompt put to the visitor, from the question to whatever comes of it. What is pressed is carried out in the
// click's own turn: the browser's question may be asked in no other.
import { helpFamily } from './help.js';
import { within } from '../time.js';
import { askView, consentText, guideView, helpView, invitationView, onView, openingOf, thanksView } from './views.js';

const THANKS_MS = 6000;
const KEEP_MS = 400; // longer than any store that works at all

/**
 * @param {object} deps
 *   host, api: the page's; surface: where it is shown; speech: {texts, words, language, topics, look}
 *   tell(outcome): hears what comes of it, in the funnel's words, and answers when it is kept; onEnd(): nothing is left to say
 *   stays: the surface is part of the page, and goes back to what fits now instead of away
 */
export function converse({ host, api, surface, speech, tell, onEnd, stays }) {
  const told = new Set();
  let opening = null;
  let view = null;
  let isBusy = false;
  let timer;

  /** What stays in the page is asked and answered again and again; it counts as shown once. */
  function count(outcome) {
    if (!stays || !told.has(outcome)) tell(outcome);
    told.add(outcome);
  }

  function show(next, takesFocus) {
    view = next;
    surface.show(view, speech.look, { takesFocus });
  }

  const openings = {
    ask: () => [stays ? invitationView(speech) : askView(speech), 'asked'],
    on: () => [onView(speech, stays)],
    help: () => [helpView(speech, helpFamily(host.navigator), stays), 'blocked_help'],
    guide: () => [guideView(speech, stays), 'ios_guide'],
  };

  /** Shows what fits a visitor of this state; false where there is nothing to show. */
  function open(state, takesFocus) {
    opening = openingOf(state);
    if (!opening) return false;
    const [next, outcome] = openings[opening]();
    show(next, takesFocus);
    if (outcome) count(outcome);
    return true;
  }

  function end() {
    clearTimeout(timer);
    isBusy = false;
    if (!stays) surface.close();
    onEnd();
  }

  /** What the browser's own question came to. */
  function conclude({ ok, reason }, wasAsked) {
    isBusy = false;
    if (ok) {
      if (wasAsked) tell('granted');
      show(thanksView(speech));
      timer = setTimeout(end, THANKS_MS);
    } else if (reason === 'denied' || reason === 'dismissed') {
      tell(reason);
      end();
    } else complainOf();
  }

  function complainOf() {
    isBusy = false;
    surface.say(speech.words.fault);
  }

  /** Its first line runs in the click's turn, and nothing is awaited before it. */
  async function agree() {
    const chosen = surface.chosen();
    const wasAsked = host.Notification.permission === 'default';
    const asked = api.subscribe({
      topics: speech.topics.length ? chosen.map(({ slug }) => slug) : undefined,
      consentText: surface.text ? surface.text() : consentText(view, chosen.map(({ label }) => label)),
    });
    isBusy = true;
    tell('yes');
    surface.say(wasAsked ? speech.words.allow : '', true);
    conclude(await asked, wasAsked);
  }

  async function leave() {
    isBusy = true;
    const { ok } = await api.unsubscribe();
    if (ok) end();
    else complainOf();
  }

  /** Goes away once the no is written down: whoever leaves the page that very moment is not asked again by the next. */
  async function decline() {
    isBusy = true;
    await within(KEEP_MS, Promise.resolve(tell('dismissed'))).catch(() => {});
    end();
  }

  // Who sends the guide away is not shown it again at once: that is a no like any other.
  const close = () => (opening === 'guide' ? decline() : end());
  const answers = { yes: agree, no: decline, off: leave, close };

  /** Hears an action's id, or "escape". */
  function press(id) {
    if (isBusy) return;
    const isQuestion = view.actions.some((one) => one.id === 'no');
    const action = id === 'escape' ? (isQuestion ? 'no' : 'close') : id;
    if (id !== 'escape' || !stays) answers[action]();
  }

  return { open, press, end, isBusy: () => isBusy };
}
