// The one drawer that page and worker share: a key-value table in IndexedDB (Indexed Database API 3.0).
// `update` reads and writes in one transaction, so two tabs and the worker cannot lose each other's change.
// Where storage is refused (private windows, blocked site data) values live as long as this page or worker does.
import { within } from './time.js';

const LIMIT_MS = 2000; // WebKit has left requests unanswered for ever; a push must be shown regardless

/** The drawer of a scope: apps that share an origin live in scopes of their own, and must not meet in the store. */
export function drawerOf(scope) {
  const { pathname } = new URL(scope);
  return pathname === '/steeple/' ? 'steeple' : `steeple ${pathname}`;
}

export function openStore(host, name = 'steeple') {
  const memory = new Map();
  let opening = null;

  const connect = () => {
    opening = opening || new Promise((resolve, reject) => {
      const request = host.indexedDB.open(name, 1);
      request.onupgradeneeded = () => request.result.createObjectStore('kv');
      request.onerror = request.onblocked = (event) => {
        // Firefox reports an unhandled database error to window.onerror, the shop's.
        event.preventDefault();
        reject(request.error);
      };
      request.onsuccess = () => {
        const db = request.result;
        db.onclose = () => { opening = null; };
        db.onversionchange = () => { db.close(); opening = null; };
        resolve(db);
      };
    });
    return opening;
  };

  const transact = async (mode, work) => {
    const db = await connect();
    return new Promise((resolve, reject) => {
      const transaction = db.transaction('kv', mode);
      const outcome = {};
      transaction.oncomplete = () => resolve(outcome.value);
      transaction.onabort = transaction.onerror = (event) => {
        event.preventDefault();
        reject(transaction.error);
      };
      work(transaction.objectStore('kv'), outcome);
    });
  };

  const readInto = (key) => (table, outcome) => {
    const read = table.get(key);
    read.onsuccess = () => { outcome.value = read.result; };
  };

  const changeInto = (key, change) => (table, outcome) => {
    const read = table.get(key);
    read.onsuccess = () => {
      try {
        outcome.value = change(read.result);
        if (outcome.value === undefined) table.delete(key);
        else table.put(outcome.value, key);
      } catch (e) {
        table.transaction.abort(); // what cannot be cloned; thrown here it would go to window.onerror, the shop's
      }
    };
  };

  /** The stored value, or undefined. Never rejects. */
  async function get(key) {
    if (memory.has(key)) return memory.get(key);
    try {
      return await within(LIMIT_MS, transact('readonly', readInto(key)));
    } catch (e) {
      opening = null;
      return undefined;
    }
  }

  /** Replaces the value by `change(value)`; undefined removes it. Answers the new value. Never rejects for storage's sake. */
  async function update(key, change) {
    try {
      const value = await within(LIMIT_MS, transact('readwrite', changeInto(key, change)));
      memory.delete(key);
      return value;
    } catch (e) {
      opening = null;
      const value = change(memory.get(key));
      memory.set(key, value);
      return value;
    }
  }

  /** Whether a value that was written is still there on the next page: it is not where storage is refused. */
  const isKept = (key) => !memory.has(key);

  return { get, update, isKept, set: (key, value) => update(key, () => value) };
}
