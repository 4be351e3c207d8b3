// The preference page: asks with the token behind # what one device is sent, and draws the same centre as a shop's page.
// The token goes out in a header alone: no log, no referrer and no cookie has it.
(() => {
  const token = location.hash.slice(1);
  const language = new URLSearchParams(location.search).get('language');
  const part = (id) => document.getElementById(id);

  function tell(id) {
    ['loading', 'lost', 'foreign', 'offline'].forEach((one) => { part(one).hidden = one !== id; });
  }

  /** Takes away what was somebody's own, and says why. */
  function leaveTo(id) {
    part('centre').hidden = true;
    tell(id);
  }

  /** What holds, or what holds after a change; null where the gateway does not say. */
  async function ask(change) {
    try {
      const answer = await fetch(`v1/preferences${language ? `?language=${encodeURIComponent(language)}` : ''}`, {
        method: change ? 'PATCH' : 'GET',
        headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
        body: change ? JSON.stringify(change) : undefined,
        credentials: 'omit',
        cache: 'no-store',
        referrerPolicy: 'no-referrer',
      });
      if (answer.ok) return await answer.json();
      if (answer.status === 403) leaveTo('foreign'); // also at a change: somebody has logged in since the page was opened
      else if (!change) tell(answer.status === 401 ? 'lost' : 'offline');
    } catch (e) {
      if (!change) tell('offline');
    }
    return null;
  }

  async function start() {
    if (!token) return tell('lost');
    const make = (window[Symbol.for('steeple.rooms')] || {}).preferences;
    if (!make) return tell('offline');
    if (await make({ host: window }).mount(part('centre'), ask)) tell('none');
    return undefined;
  }

  addEventListener('hashchange', () => location.reload());
  start();
})();
