// The demo shop's own script: what a shop would write around the snippet, and what its back office would show.
const byId = (id) => document.getElementById(id);
const [choose, order, campaign] = ['choose', 'order', 'campaign'].map(byId);
const POLL_MS = 700;
const QUIET_POLLS = 40; // receipts come in for a while after the last push went out
const INBOX_POLLS = 9; // the gateway knows of new messages in inboxes after some seconds
const COUNTS = ['audience', 'sent', 'failed', 'gone', 'shown', 'clicked'];

const WORDS = {
  unsupported: 'This browser (or a private window) has no push. The right half works all the same.',
  ios_home_screen: 'On an iPhone, add this page to the home screen first.',
  denied: 'Notifications are blocked for this page; the browser’s site settings can allow them again.',
  dismissed: 'The question was closed. Say yes when you like.',
  timeout: 'The browser’s push service did not answer. Is this machine online?',
  push_service: 'The browser could not reach its push service. Is this machine online? The right half works offline.',
  offline: 'The gateway does not answer. Is the demo still running?',
};

let device = null;

function note(id, text, mood = '') {
  const place = byId(id);
  place.textContent = text;
  place.className = `note ${mood}`.trim();
}

function wordsFor(state) {
  if (state.subscribed) return ['This browser is subscribed.', 'good'];
  if (!state.reason) return ['Not subscribed yet.', ''];
  return [WORDS[state.reason] || state.message || state.reason, 'bad'];
}

function show(state) {
  device = state.subscribed ? state.id : null;
  choose.hidden = !state.subscribed;
  order.disabled = !device;
  note('push-note', ...wordsFor(state));
}

window.Steeple = window.Steeple || [];
window.Steeple.push((steeple) => {
  ['ready', 'changed', 'subscribed', 'unsubscribed', 'denied', 'error'].forEach((name) => steeple.on(name, show));
  choose.addEventListener('click', () => steeple.preferences.show());
  steeple.on('inbox', ({ unread }) => { byId('news').textContent = unread ? ` (${unread})` : ''; });
  byId('messages').addEventListener('click', () => steeple.inbox.show());
});
window.addEventListener('load', () => {
  if (!window.Steeple.version) note('push-note', WORDS.offline, 'bad');
});

/** A call to the shop's own server, which holds the API key. */
async function ask(path, body) {
  const answer = await fetch(path, body && {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.error.message);
  return said;
}

async function attempt(place, button, work) {
  button.disabled = true;
  try {
    await work();
  } catch (fault) {
    note(place, fault.message, 'bad');
  } finally {
    button.disabled = button === order && !device;
  }
}

order.addEventListener('click', () => attempt('order-note', order, async () => {
  note('order-note', 'Ordered …');
  const { id } = await ask('/demo/order', { subscription: device });
  note('order-note', 'Packed. A push is on its way to you.', 'good');
  watch(id, 'Your order');
}));

campaign.addEventListener('submit', (event) => {
  event.preventDefault();
  const { title, body } = campaign.elements;
  attempt('campaign-note', campaign.querySelector('button'), async () => {
    note('campaign-note', '');
    const { id } = await ask('/demo/announce', { title: title.value, body: body.value });
    watch(id, title.value);
  });
});

let watched = null;

/** Shows a message's counts until nothing moves any more. Only the newest message is watched. */
async function watch(id, name) {
  watched = id;
  byId('result').hidden = false;
  byId('result-name').textContent = name;
  for (let quiet = 0; watched === id && quiet < QUIET_POLLS; quiet += 1) {
    try {
      const message = await ask(`/demo/messages/${id}`);
      if (watched === id && draw(message)) quiet = 0;
    } catch (fault) {
      note('campaign-note', fault.message, 'bad');
    }
    if (quiet === INBOX_POLLS) window.Steeple.push((steeple) => steeple.inbox.list());
    await new Promise((done) => { setTimeout(done, POLL_MS); });
  }
}

/** True while something changed. */
function draw({ state, counts }) {
  let changed = false;
  COUNTS.forEach((name) => {
    const text = (counts[name] || 0).toLocaleString();
    const place = byId(`count-${name}`);
    changed = changed || place.textContent !== text;
    place.textContent = text;
  });
  byId('progress').max = counts.audience || 1;
  byId('progress').value = counts.audience - counts.pending;
  const words = state === 'done' ? `Done: ${counts.sent.toLocaleString()} sent.` : `The gateway says: ${state}.`;
  if (byId('campaign-note').textContent !== words) note('campaign-note', words, state === 'done' ? 'good' : '');
  return changed || state !== 'done';
}
