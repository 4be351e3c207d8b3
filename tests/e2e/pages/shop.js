// What a shop writes around the snippet, and what a test wants to know of the page.
window.heard = []; // [event, its result], in their order
window.answers = {}; // by button
window.asked = 0; // how often the browser was told to ask for permission
window.faults = [];

addEventListener('securitypolicyviolation', (event) => faults.push(`${event.violatedDirective} ${event.blockedURI}`));
addEventListener('error', (event) => faults.push(event.message));
addEventListener('unhandledrejection', (event) => faults.push(String(event.reason)));

const ask = Notification.requestPermission;
Notification.requestPermission = function requestPermission(...rest) {
  window.asked += 1;
  return ask.apply(Notification, rest);
};

const byId = (id) => document.getElementById(id);

function show(state) {
  byId('note').textContent = state.subscribed ? 'This browser is subscribed.' : state.reason || 'Not subscribed.';
}

window.Steeple = window.Steeple || [];
window.Steeple.push((steeple) => {
  for (const name of ['ready', 'changed', 'subscribed', 'unsubscribed', 'denied', 'error']) {
    steeple.on(name, (result) => { heard.push([name, result]); show(result); });
  }
  const calls = {
    yes: () => steeple.subscribe({ consentText: byId('words').textContent }),
    no: () => steeple.unsubscribe(),
    sale: () => steeple.topics.add('sale'),
    'no-sale': () => steeple.topics.remove('sale'),
  };
  for (const [id, call] of Object.entries(calls)) {
    byId(id).addEventListener('click', async () => { answers[id] = await call(); });
  }
});
