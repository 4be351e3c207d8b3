// What OneSignal's SDK left in this browser: its database, whose tables and keys are those of its versions 15 and 16.
import { within } from '../time.js';

const NAME = 'ONE_SIGNAL_SDK_DB';
const LIMIT_MS = 2000;

/** Opens it only where it is: asking for a missing database would make one. */
function open(host) {
  return new Promise((resolve, reject) => {
    const request = host.indexedDB.open(NAME);
    request.onupgradeneeded = () => request.transaction.abort();
    request.onsuccess = () => resolve(request.result);
    request.onerror = request.onblocked = (event) => {
      event.preventDefault();
      reject(request.error);
    };
  });
}

function rows(db, table) {
  if (!db.objectStoreNames.contains(table)) return [];
  return new Promise((resolve, reject) => {
    const request = db.transaction(table).objectStore(table).getAll();
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function read(host) {
  const db = await open(host);
  try {
    return { options: await rows(db, 'Options'), properties: await rows(db, 'properties') };
  } finally {
    db.close();
  }
}

/** Version 16 says `optedOut`, older ones `subscription: false`. */
function isOptedOut(value) {
  const said = value('optedOut');
  return said === undefined || said === null ? value('subscription') === false : said === true;
}

/** `{optedOut, consented, tags}`: what the person chose there; as if nothing, where there is nothing to read. */
export async function readLegacy(host) {
  const { options, properties } = await within(LIMIT_MS, read(host)).catch(() => ({ options: [], properties: [] }));
  const value = (key) => (options.find((one) => one.key === key) || {}).value;
  const tags = (properties.find((one) => one.tags) || {}).tags;
  return { optedOut: isOptedOut(value), consented: value('userConsent') === true, tags: tags || {} };
}
