// OneSignal's payload as our own, so that whoever it still reaches while a shop moves reads its messages: both may send
// until the last visitor has come over. The fields are those of its web SDK, version 16.

const isText = (value) => typeof value === 'string' && value !== '';

const button = ({ i, n, p, u }) => ({ action: i, title: n, icon: p, navigate: u });

function notificationOf({ title, alert, icon, image, badge, tag, o, custom }) {
  const actions = Array.isArray(o) ? o.filter((one) => one && isText(one.i)).map(button) : [];
  // Its id keeps messages apart that have no topic: there the newer one took the place of the older.
  return { title, body: alert, icon, image, badge, tag: tag || custom.i, navigate: custom.u, actions };
}

/** The text of a push, translated where it is OneSignal's. */
export function translate(text) {
  try {
    const said = JSON.parse(text);
    return said && said.custom && isText(said.custom.i)
      ? JSON.stringify({ web_push: 8030, notification: notificationOf(said) })
      : text;
  } catch (e) {
    return text;
  }
}
