// The two phones beside the shop: drawn from what the rehearsal push services say of them.
const POLL_MS = 1000;
const phones = new Map([...document.querySelectorAll('.phone')].map((place) => [place.dataset.platform, place]));
const known = new Set();
let isFirst = true;

const hour = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const part = (place, name) => place.querySelector(`.${name}`);

function element(tag, name, text) {
  const made = document.createElement(tag);
  made.className = name;
  made.textContent = text;
  return made;
}

function noteOf({ id, title, body, at }) {
  const item = document.createElement('li');
  const icon = document.createElement('img');
  icon.src = '/bell.svg';
  icon.alt = '';
  item.dataset.id = id;
  item.append(icon, element('span', 'shop', 'Bell & Bean'), element('time', 'when', hour.format(at * 1000)));
  if (title) item.append(element('strong', 'title', title));
  if (body) item.append(element('span', 'body', body));
  if (!known.has(id) && !isFirst) item.classList.add('new');
  known.add(id);
  return item;
}

function lineOf({ is_online: isOnline, waiting }) {
  if (isOnline) return 'online';
  if (!waiting) return 'offline';
  return waiting === 1 ? 'offline, 1 push waits' : `offline, ${waiting} pushes wait`;
}

function setText(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

function draw(phone) {
  const place = phones.get(phone.platform);
  const notes = part(place, 'notes');
  const ids = phone.notes.map(({ id }) => id).join(' ');
  if (notes.dataset.ids !== ids) {
    // Those that stay are not made anew: a screen reader hears what is new, and nothing twice.
    const standing = new Map([...notes.children].map((item) => [item.dataset.id, item]));
    notes.replaceChildren(...phone.notes.map((note) => standing.get(note.id) || noteOf(note)));
    notes.dataset.ids = ids;
  }
  part(place, 'blank').hidden = phone.notes.length > 0;
  place.classList.toggle('away', !phone.is_online);
  setText(part(place, 'line'), lineOf(phone));
  const button = part(place, 'switch');
  setText(button, phone.is_online ? 'Go offline' : 'Come back');
  button.disabled = false;
  button.onclick = () => look(`/demo/phones/${phone.id}`, { online: !phone.is_online });
}

async function look(path = '/demo/phones', body = undefined) {
  try {
    const answer = await fetch(path, body && {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!answer.ok) return;
    (await answer.json()).forEach(draw);
    isFirst = false;
  } catch {
    phones.forEach((place) => setText(part(place, 'line'), 'the demo has ended'));
  }
}

async function watch() {
  for (;;) {
    phones.forEach((place) => setText(part(place, 'hour'), hour.format(Date.now())));
    if (!document.hidden) await look();
    await new Promise((done) => { setTimeout(done, POLL_MS); });
  }
}

watch();
