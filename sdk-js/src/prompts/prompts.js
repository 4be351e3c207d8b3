// The room of prompts: which one comes up, and when.
// Entered by the page script where the settings name prompts, and when the shop calls `Steeple.prompt.show()`.
import { complain } from '../calls.js';
import { loadConfig } from '../config.js';
import { isPast } from '../decide.js';
import { failed, OK } from '../wire.js';
import { createAsking } from './asking.js';
import { placesOf, shopFacts, trackedFacts } from './markup.js';
import { hasOrdered, mayAsk, ordered, seen, shown } from './memory.js';
import { awaitMoment } from './moment.js';
import { openNotebook } from './notebook.js';
import { isStanding } from './rules.js';

/** Settings are kept for an hour, so that page views cost no request; who is about to be asked is asked as of now. */
const FRESH_MS = 300 * 1000;

/** What `show()` shows where the gateway has no prompt: our own words, counted under no name. */
const PLAIN = { slug: '', kind: 'slidedown', variants: [{ name: '', weight: 1, texts: {}, theme: {} }], topics: [], back_off_days: [3, 7, 30] };

export function createPrompts(core) {
  const { host, options, store, visit, api } = core;
  const { document } = host;
  const notebook = openNotebook(store);
  const asking = createAsking(core, notebook);
  const placed = new Set();
  let cart = null; // what the shop told of it last, on this page
  let waits = [];
  let isStarted = false;

  const offered = () => visit.config.prompts || [];

  async function mayComeUp(isKept) {
    const state = await api.state();
    const { opted_out: optedOut } = visit.choice;
    return mayAsk(notebook.now(), { ...state, opted_out: optedOut, is_kept: isKept }, Date.now());
  }

  /** What is about to come up by itself, as the gateway has it by now; undefined where it is gone or does not fit. */
  async function asOfNow({ slug }, isFitting) {
    const { app, gateway } = options;
    const isFresh = !isPast(visit.config.at_ms, FRESH_MS, Date.now());
    const { config } = isFresh ? visit : await loadConfig({ store, call: visit.call, gateway, app, age_ms_max: FRESH_MS });
    visit.config = config || visit.config;
    return visit.config.killed ? undefined : offered().find((one) => one.slug === slug && isFitting(one));
  }

  async function comeUp(wanted, isKept, isFitting = () => true) {
    if (!await mayComeUp(isKept)) return failed('not_now');
    const prompt = wanted === PLAIN ? PLAIN : await asOfNow(wanted, isFitting);
    if (!prompt) return failed('not_now');
    const done = await asking.present(prompt, false);
    if (done.ok) await notebook.note((memory, now_ms) => shown(memory, prompt.back_off_days, now_ms));
    return done;
  }

  /** No call of the page waits for what happens by itself: a fault of it goes to the developer, and never to the page. */
  const unbidden = (work) => work.catch((error) => complain(host, 'a prompt did not come up:', error));

  async function takeTurn(prompt) {
    waits.forEach((stop) => stop());
    await notebook.note((memory) => memory); // another tab may have been answered meanwhile
    await comeUp(prompt, notebook.isKept(), fits);
  }

  /** The first whose moment comes is the only one on this page. */
  function wait(prompt) {
    waits.push(awaitMoment(host, prompt.rules, () => unbidden(takeTurn(prompt))));
  }

  const put = {
    inline: (prompt) => placesOf(document, prompt.slug).forEach((holder) => unbidden(asking.settleIn(prompt, holder))),
    bell: (prompt) => awaitMoment(host, prompt.rules, () => unbidden(asking.hang(prompt))),
    slidedown: wait,
    custom: wait,
  };

  function facts() {
    const shop = shopFacts(document);
    return {
      path: host.location.pathname,
      page_views: notebook.now().views,
      has_ordered: hasOrdered(notebook.now(), Date.now()),
      cart_value: cart === null ? shop.cart_value : cart,
    };
  }

  /** Whether a prompt may come by itself on this page. */
  const fits = ({ rules }) => rules.is_automatic && isStanding(rules, facts());

  /** Starts whatever has come to stand: at the beginning, and when the shop has told something new. */
  function consider() {
    offered().filter((prompt) => !placed.has(prompt.slug) && fits(prompt))
      .forEach((prompt) => {
        placed.add(prompt.slug);
        put[prompt.kind](prompt);
      });
  }

  async function hear(event) {
    const told = trackedFacts(event);
    if (told.has_ordered) await notebook.note(ordered);
    if (told.cart_value !== null) cart = told.cart_value;
    consider();
  }

  /** The page view; counts once, though consent banners give the same consent on every page. Answers like a public call. */
  async function start() {
    if (isStarted) return OK;
    isStarted = true;
    await notebook.note(seen);
    if (shopFacts(document).has_ordered) await notebook.note(ordered);
    api.on('tracked', (event) => unbidden(hear(event)));
    consider();
    return OK;
  }

  /** Within a click a prompt is shown in any case; unbidden as seldom as the automatic ones. */
  async function show(slug) {
    const { userActivation } = host.navigator;
    const isBidden = !userActivation || userActivation.isActive;
    const found = offered().find((one) => (slug ? one.slug === slug : one.kind === 'slidedown'));
    if (slug && !found) return failed('invalid', `there is no active prompt ${slug}`);
    await notebook.note((memory) => memory);
    return isBidden ? asking.present(found || PLAIN, true) : comeUp(found || PLAIN, true);
  }

  return { start, show };
}
