// Draws prompts by the very files that shops load, with a visitor and a gateway that are made up in this page.
// The address holds what is shown: /preview?kind=bell&scheme=dark&language=ar. `?app=app_...` adds that app's own prompts.
const ROOMS = Symbol.for('steeple.rooms');
const LANGUAGES = ['en', 'ar', 'cs', 'da', 'de', 'es', 'fi', 'fr', 'he', 'it', 'ja', 'nl', 'pl', 'pt', 'sv', 'tr', 'uk'];
const AGENTS = {
  chrome: 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36',
  firefox: 'Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0',
  safari: 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.4 Safari/605.1.15',
  android: 'Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile Safari/537.36',
  android_firefox: 'Mozilla/5.0 (Android 15; Mobile; rv:153.0) Gecko/153.0 Firefox/153.0',
  samsung: 'Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/29.0 Chrome/136.0.0.0 Mobile Safari/537.36',
  ios: 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.4 Mobile/15E148 Safari/604.1',
};
const VISITORS = {
  new: { permission: 'default', subscribed: false, reason: null },
  subscribed: { permission: 'granted', subscribed: true, reason: null },
  ...Object.fromEntries(Object.keys(AGENTS).map((name) => [`blocked-${name}`, { permission: 'denied', subscribed: false, reason: 'denied', agent: name }])),
  iphone: { permission: 'default', subscribed: false, reason: 'ios_home_screen', agent: 'ios' },
};
const THEMES = {
  plain: {},
  forest: { accent: '#1d6b48', corner_px: 8, dark: { accent: '#7fd1a8' } },
  plum: { accent: '#7a2e6b', background: '#fff7fb', text: '#3a1030', corner_px: 28, dark: { accent: '#f0a9de', background: '#2b1526', text: '#fbe6f4' } },
  sharp: { accent: '#111111', corner_px: 0, dark: { accent: '#ffd84d' } },
};
const WISHES = {
  kind: ['slidedown', 'bell', 'inline', 'custom'],
  visitor: Object.keys(VISITORS),
  theme: Object.keys(THEMES),
  scheme: ['auto', 'light', 'dark'],
  language: LANGUAGES,
  position: ['bottom', 'top', 'middle', 'top-left', 'top-right', 'bottom-left', 'bottom-right'],
};
const BOXES = ['topics', 'unbidden'];
const TOPICS = [
  { slug: 'sale', name: 'Sales and offers', texts: {}, is_checked: true },
  { slug: 'stock', name: 'Back in stock', texts: {}, is_checked: false },
];
const RULES = { is_automatic: true, page_views: 1, delay_s: 0, scroll_percent: null, exit_intent: false, include: [], exclude: [], after_order: false, cart_value_over: null };

const form = document.getElementById('wishes');
const byId = (id) => document.getElementById(id);
const own = new Map(); // the app's own prompts, by "app: slug"
const system = matchMedia('(prefers-color-scheme: dark)');

function fill(select, options) {
  const { value } = select;
  select.replaceChildren(...options.map((name) => new Option(name, name)));
  if (options.includes(value)) select.value = value;
}

function wished() {
  const asked = Object.fromEntries(new FormData(form));
  return { ...asked, ...Object.fromEntries(BOXES.map((name) => [name, form.elements[name].checked])) };
}

/** A prompt as the gateway would send it, or one of the app's own in the language that is wished for. */
function promptFor({ kind, theme, position, scheme, topics }) {
  if (own.has(kind)) return { ...own.get(kind), rules: RULES };
  const variants = [{ name: '', weight: 1, texts: {}, theme: { icon: null, ...THEMES[theme], position, scheme } }];
  return { slug: 'sample', kind, variants, topics: topics ? TOPICS : [], rules: RULES, back_off_days: [3, 7, 30] };
}

/** What the rooms see of a page and its visitor: this document, and a browser and a gateway that are made up. */
function coreFor(wishes, prompt, visitor) {
  const state = { ...VISITORS[visitor], ok: true };
  const kept = new Map();
  const answer = (change) => async () => { byId('state').textContent = change.says; return { ...Object.assign(state, change), ok: true }; };
  const host = {
    document, CSSStyleSheet, fetch: window.fetch.bind(window), location: { pathname: '/' }, innerHeight, scrollY: 0,
    navigator: { userAgent: AGENTS[state.agent] || AGENTS.chrome, languages: [wishes.language], maxTouchPoints: 0, userActivation: { isActive: !wishes.unbidden } },
    Notification: { permission: state.permission }, addEventListener() {}, removeEventListener() {},
  };
  return {
    host,
    options: { app: 'app_preview', gateway: window.location.origin, language: wishes.language, nonce: '', data: {} },
    store: { update: async (key, change) => { kept.set(key, change(kept.get(key))); return kept.get(key); }, isKept: () => true },
    visit: { config: { prompts: [prompt], language: null, at_ms: Date.now() }, choice: {}, call: async () => ({ status: 202 }) },
    api: {
      state: async () => ({ ...state }),
      subscribe: answer({ subscribed: true, permission: 'granted', says: 'Here the browser would ask, and then the visitor is subscribed.' }),
      unsubscribe: answer({ subscribed: false, says: 'Here the subscription would end.' }),
      on: () => () => {},
    },
  };
}

function load(name) {
  return new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.src = `/sdk/v1/${name}.js`;
    script.onload = resolve;
    script.onerror = () => reject(new Error(`${name}.js was not loaded`));
    document.head.append(script);
  });
}

const loaded = Promise.all(['cards', 'prompts'].map(load));

function clear() {
  document.querySelectorAll('steeple-prompt').forEach((one) => one.remove());
  delete byId('place').dataset.steeplePrompt;
  const fresh = byId('own').cloneNode(true); // without the listeners of the last one
  fresh.hidden = true;
  delete fresh.dataset.steeplePrompt;
  byId('own').replaceWith(fresh);
  byId('state').textContent = '';
}

/** A bell and an inline prompt take a moment to be there. */
async function drawn() {
  while (!document.querySelector('steeple-prompt')) await new Promise((resolve) => { setTimeout(resolve, 10); });
}

/** Draws what the form says, after `changes` to it; a promise of its having been drawn. */
async function show(changes = {}) {
  Object.entries(changes).forEach(([name, value]) => { form.elements[name][BOXES.includes(name) ? 'checked' : 'value'] = value; });
  const wishes = wished();
  const prompt = promptFor(wishes);
  const isDark = wishes.scheme === 'auto' ? system.matches : wishes.scheme === 'dark';
  await loaded;
  clear();
  document.documentElement.dataset.scheme = isDark ? 'dark' : 'light';
  byId(prompt.kind === 'custom' ? 'own' : 'place').dataset.steeplePrompt = prompt.slug;
  const core = coreFor(wishes, prompt, wishes.visitor);
  const rooms = new Map();
  core.enter = async (name) => {
    if (!rooms.has(name)) rooms.set(name, window[ROOMS][name](core));
    return rooms.get(name);
  };
  const room = await core.enter('prompts');
  if (prompt.kind === 'slidedown' || prompt.kind === 'custom') await room.show(prompt.slug);
  else await room.start().then(drawn);
}

async function addApp(app) {
  const answer = await fetch(`/v1/sdk/config?app=${encodeURIComponent(app)}`);
  if (!answer.ok) return;
  (await answer.json()).prompts.forEach((prompt) => own.set(`app: ${prompt.slug}`, prompt));
}

function remember() {
  const query = new URLSearchParams(new FormData(form));
  if (asked.app) query.set('app', asked.app);
  history.replaceState(null, '', `?${query}`);
}

const asked = Object.fromEntries(new URLSearchParams(location.search));

async function begin() {
  if (asked.app) await addApp(asked.app);
  fill(form.elements.kind, [...own.keys(), ...WISHES.kind]);
  Object.entries(WISHES).filter(([name]) => name !== 'kind').forEach(([name, options]) => fill(form.elements[name], options));
  Object.keys(WISHES).forEach((name) => { if (asked[name]) form.elements[name].value = asked[name]; });
  BOXES.forEach((name) => { form.elements[name].checked = asked[name] === 'on'; });
  const draw = () => { remember(); show().catch((fault) => { byId('state').textContent = fault.message; }); };
  form.addEventListener('change', draw);
  form.addEventListener('submit', (event) => { event.preventDefault(); draw(); });
  system.addEventListener('change', () => { if (form.elements.scheme.value === 'auto') draw(); });
  await show();
}

window.preview = { show, ready: begin().catch((fault) => { byId('state').textContent = fault.message; }) };
