// The preference centre as a dialog in the shop's page, and as the page of its own that every message leads to. In a
// shadow root, so that neither the page's styles nor ours reach across.
import { schemeOf } from '../cards/scheme.js';
import { failed, OK } from '../wire.js';
import { maker } from './element.js';
import { createPanel } from './panel.js';

/** A shadow root with our styles. A sheet made by script needs no permission of the page's policy. */
function shadowOf(host, element, styles) {
  element.setAttribute('data-scheme', schemeOf(host.document));
  const root = element.attachShadow({ mode: 'open' });
  const sheet = new host.CSSStyleSheet();
  sheet.replaceSync(styles);
  root.adoptedStyleSheets = [sheet];
  return root;
}

/** The centre inside an element of a page; `ask(change)` is as for `show`. Resolves to whether it was drawn. */
async function mount(host, styles, element, ask) {
  const news = await ask();
  if (!news) return false;
  const panel = createPanel({ document: host.document, now_ms: Date.now, heading: 'h1', save: ask });
  shadowOf(host, element, styles).append(panel.element);
  panel.show(news);
  return true;
}

export function makePreferences({ host, options, store, visit, api, emit }, styles) {
  let open = null;

  const path = ({ id }) => {
    const { language } = (options && options.language) ? options : host.navigator;
    return `/v1/subscriptions/${encodeURIComponent(id)}/preferences?language=${encodeURIComponent(language || '')}`;
  };

  /** What the gateway answers to a change, or without one to the question what holds; null when it does not. */
  async function ask(change) {
    const { device } = visit;
    if (!device) return null; // another tab has left since the dialog was opened
    const { status, body } = await visit.call(change ? 'PATCH' : 'GET', path(device), { body: change, secret: device.secret });
    if (status !== 200 || !body) return null;
    if (change) await keep(body);
    return body;
  }

  /** What this browser remembers follows, so that no later visit undoes it. */
  async function keep({ topics, subscribed }) {
    const followed = topics.filter((one) => one.subscribed).map((one) => one.slug);
    await store.update('device', (device) => device && { ...device, topics: followed });
    await store.update('choice', (choice) => ({ ...choice, topics: followed, opted_out: subscribed ? undefined : true }));
    await visit.look();
    emit(subscribed ? 'changed' : 'unsubscribed', await api.state());
  }

  function drawn(news) {
    const { document } = host;
    const make = maker(document);
    const shell = make('steeple-preferences', {});
    const panel = createPanel({ document, now_ms: Date.now, heading: 'h2', save: ask });
    const close = make('button', { type: 'button', class: 'close', 'aria-label': news.texts.close, onclick: () => dialog.close() }, '\u00d7');
    const dialog = make('dialog', { 'aria-labelledby': 'title' }, make('div', { class: 'box' }, panel.element), close);
    dialog.addEventListener('close', () => { shell.remove(); open = null; });
    shadowOf(host, shell, styles).append(dialog);
    panel.show(news);
    return { shell, dialog };
  }

  /** Opens the dialog. Answers like a public call. */
  async function show() {
    if (open) return OK;
    await visit.look();
    if (!visit.device || (visit.choice || {}).opted_out) return failed('not_subscribed');
    const news = await ask();
    if (!news) return failed('offline', 'no answer from the gateway about this subscription');
    if (open) return OK; // the button was clicked twice
    open = drawn(news);
    host.document.documentElement.append(open.shell);
    open.dialog.showModal();
    return OK;
  }

  return { show, mount: (element, question) => mount(host, styles, element, question) };
}
