// What the worker tells of notifications (`tell.js`), as events of OneSignal's.
// A click is told once, to a page that listens, within a minute: it may have opened that very page.

const RECENT_MS = 60 * 1000;

/** `{wanted(name), start(scope)}`: `wanted` when a page listens to an event of Notifications, `start` once the store is there. */
export function createHearing({ host, store, events, note }) {
  let scope = null;
  let isWanted = false;

  async function deliver() {
    if (!scope || !isWanted) return;
    let clicked;
    await store.update('clicked', (kept) => { clicked = kept; }); // nothing is put in its place: one page has it
    if (!clicked || Date.now() - clicked.at_ms > RECENT_MS) return;
    events.emit('Notifications.click', { notification: clicked.notification, result: clicked.result });
  }

  const preventDefault = () => note('preventDefault', 'a browser lets no page keep a notification back.');

  function hear({ data }) {
    if (!data || data.scope !== scope) return;
    if (data.steeple === 'click') deliver();
    if (data.steeple === 'display') events.emit('Notifications.foregroundWillDisplay', { notification: data.notification, preventDefault });
  }

  return {
    wanted: (name) => {
      isWanted = isWanted || name === 'click';
      deliver();
    },
    start: (ownScope) => {
      scope = ownScope;
      const { serviceWorker } = host.navigator;
      if (serviceWorker) serviceWorker.addEventListener('message', hear);
      deliver();
    },
  };
}
