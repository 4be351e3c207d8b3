// Rooms: what few visits need (prompts, preferences, the inbox) lies in files of its own beside the page script, and is
// loaded when it is first asked for. A room's file is named with our version and checked against the hash that it had
// when we were built, so that whoever pins us by `integrity` has pinned the rooms as well. The page script carries one
// hash, of the register (more/room.js) that has the hashes of all others: each would cost every page 50 bytes.
import { within } from './time.js';
import { trustedAddress } from './trusted.js';
import { VERSION } from './version.js';

const REGISTRY = Symbol.for('steeple.rooms');
const LIMIT_MS = 15000;

/* global __REGISTER__ */
const REGISTER_HASH = typeof __REGISTER__ === 'undefined' ? null : __REGISTER__; // the bundler fills it in

/** What a room's own file calls, at its end: hands over its maker, `make(core)`. */
export function openRoom(host, name, make) {
  const opened = host[REGISTRY] || {};
  opened[name] = make;
  if (!host[REGISTRY]) Object.defineProperty(host, REGISTRY, { value: opened });
}

function load({ document }, nonce, address, hash) {
  return within(LIMIT_MS, new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.src = address;
    script.async = true;
    script.crossOrigin = 'anonymous';
    if (hash) script.integrity = hash;
    if (nonce) script.nonce = nonce;
    script.onload = () => resolve();
    script.onerror = () => reject(new Error(`${address} was not loaded: is the gateway listed in script-src?`));
    document.head.append(script);
  }));
}

/**
 * `enter(name)`: the room, made once with `core` and loaded before where needed.
 * Rejects with `reason` "room_missing" where its file cannot be loaded; the next call tries again.
 */
export function createRooms({ host, options, core, registerHash = REGISTER_HASH }) {
  const entered = new Map();
  const hashOf = async (name) => (name === 'more' ? registerHash : (await enter('more'))[name]);

  async function open(name) {
    try {
      const isThere = host[REGISTRY] && host[REGISTRY][name];
      const address = trustedAddress(host, `${options.gateway}/sdk/${VERSION}/${name}.js`);
      if (!isThere) await load(host, options.nonce, address, await hashOf(name));
      return host[REGISTRY][name](core);
    } catch (error) {
      entered.delete(name);
      throw Object.assign(error, { reason: 'room_missing' });
    }
  }

  function enter(name) {
    if (!entered.has(name)) entered.set(name, open(name));
    return entered.get(name);
  }

  return enter;
}
