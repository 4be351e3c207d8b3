// The preference centre itself: a form in somebody's own language, and a way out that takes one click.
import { maker } from './element.js';
import { changeOf, fieldsOf, offered } from './form.js';
import { directionOf, wordsOf, writtenAt } from './words.js';

/**
 * @param {object} deps
 *   document, now_ms(): epoch; heading: "h1" where it is the page, "h2" inside one
 *   save(change): promise of the new answer, null when it did not work
 * @returns {{element, show(answer)}} `show` draws it; nothing of the shop's page can be reached from it
 */
export function createPanel({ document, now_ms, heading, save }) {
  const make = maker(document);
  const element = make('div', { class: 'panel' });
  let answer = null;
  let say = (name) => name;
  let wasEverywhere = false;

  const byName = (name) => element.querySelector(`[name="${name}"]`);
  const ticked = (name) => [...element.querySelectorAll(`[name="${name}"]:checked`)].map((one) => one.value);

  const tick = (name, value, label, isOn, listen) => make('label', { class: 'tick' },
    make('input', { type: 'checkbox', name, value, checked: isOn, onchange: listen }), make('span', {}, label));

  const pick = (name, label, values, chosen, wordFor) => make('label', { class: 'pick' }, make('span', {}, label),
    make('select', { name }, ...values.map((one) => make('option', { value: one, selected: one === chosen }, wordFor(one)))));

  const group = (title, ...children) => make('fieldset', {}, make('legend', {}, title), ...children);

  const head = () => [
    make(heading, { id: 'title', tabindex: '-1' }, say('title')),
    make('p', { class: 'intro' }, say('intro', { site: answer.site })),
  ];

  const status = () => make('p', { class: 'status', role: 'status' });
  const tell = (name) => { element.querySelector('.status').textContent = say(name); };

  function followQuiet() {
    element.querySelector('.hours').hidden = !byName('quiet').checked;
  }

  function hours(fields) {
    return group(say('quiet'),
      tick('quiet', 'on', say('quiet_on'), fields.quiet, followQuiet),
      make('div', { class: 'hours', hidden: !fields.quiet },
        make('label', {}, make('span', {}, say('from')), make('input', { type: 'time', name: 'from', value: fields.from, required: true })),
        make('label', {}, make('span', {}, say('to')), make('input', { type: 'time', name: 'to', value: fields.to, required: true })),
        tick('weekends', 'on', say('weekends'), fields.weekends)));
  }

  const pauseWord = (name) => (name === 'keep'
    ? say('paused', { date: writtenAt(answer.paused_until, answer.language) })
    : say(`pause_${name}`));

  function form(fields) {
    const { topics, channels } = answer;
    return make('form', { onsubmit: (event) => { event.preventDefault(); store(); } },
      topics.length > 0 && group(say('topics'), ...topics.map((one) => tick('topic', one.slug, one.name, one.subscribed))),
      pick('often', say('often'), offered.often(fields), fields.often, (name) => say(`often_${name}`)),
      pick('pause', say('pause'), offered.pause(fields), fields.pause, pauseWord),
      hours(fields),
      channels.length > 1 && group(say('channels'),
        ...channels.map((one) => tick('channel', one, say(`channel.${one}`), !fields.off.includes(one)))),
      make('p', { class: 'note' }, say('orders')),
      make('button', { class: 'main' }, say('save')),
      status());
  }

  function wayOut() {
    const { devices } = answer;
    return make('div', { class: 'out' },
      make('button', { type: 'button', class: 'leave', onclick: () => subscribe(false) }, say('leave')),
      make('p', { class: 'note' }, say('leave_note')),
      devices > 1 && tick('everywhere', 'on', say('everywhere', { n: devices }), false));
  }

  function consent() {
    const { consent: given, language } = answer;
    return given && given.text && make('p', { class: 'consent' },
      say('consent', { date: writtenAt(given.at, language), text: given.text }));
  }

  /** What stands there once somebody has left, with a way back for a slip of the finger. */
  const gone = () => [
    make(heading, { id: 'title', tabindex: '-1' }, say('left')),
    make('p', { class: 'intro' }, say('left_note')),
    make('button', { type: 'button', class: 'main', onclick: () => subscribe(true) }, say('undo')),
    status(),
  ];

  function show(news) {
    answer = news;
    say = wordsOf(news);
    element.setAttribute('lang', news.language);
    element.setAttribute('dir', directionOf(news.language));
    const parts = news.subscribed ? [...head(), form(fieldsOf(news)), wayOut(), consent()] : gone();
    element.replaceChildren(...parts.filter(Boolean));
  }

  function fieldsNow() {
    const { channels, channels_off: off } = answer;
    const on = channels.length > 1 ? ticked('channel') : channels.filter((one) => !off.includes(one));
    return {
      topics: ticked('topic'),
      often: byName('often').value,
      pause: byName('pause').value,
      quiet: byName('quiet').checked,
      from: byName('from').value,
      to: byName('to').value,
      weekends: byName('weekends').checked,
      off: [...off.filter((one) => !channels.includes(one)), ...channels.filter((one) => !on.includes(one))],
    };
  }

  /** Saves a change and shows what came of it; what was typed in stays where it did not work. */
  async function send(change) {
    tell('loading');
    const news = await save(change);
    if (news) show(news);
    tell(news ? 'saved' : 'offline');
    return news;
  }

  async function store() {
    const change = changeOf(answer, fieldsNow(), now_ms());
    if (change) await send(change);
    else tell('saved');
    const button = element.querySelector('.main');
    if (button) button.focus();
  }

  async function subscribe(isOn) {
    const all = element.querySelector('[name="everywhere"]');
    const change = { subscribed: isOn };
    if (all ? all.checked : isOn && wasEverywhere) change.everywhere = true;
    wasEverywhere = Boolean(change.everywhere);
    if (await send(change)) element.querySelector('#title').focus();
  }

  return { element, show };
}
