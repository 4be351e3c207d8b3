// Rooms: what few visits need (prompts, preferences, the inbox) lies in files of its own beside the page script, and is
// loaded when it is first asked for. A room's file is named with our version and checked against the hash that it had
// when we were built, so that whoever pins us by `integrity` has pinned the rooms as well.
import { within } from './time.js';
import { trustedAddress } from './trusted.js';
import { VERSION } from './version.js';

const REGISTRY = Symbol.for('steeple.rooms');
const LIMIT_MS = 15000;

/* global __ROOMS__ */
const HASHES = typeof __ROOMS__ === 'undefined' ? {} : __ROOMS__; // the bundler fills it in

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
export function createRooms({ host, options, core, hashes = HASHES }) {
  const entered = new Map();

  async function open(name) {
    try {
      const isThere = host[REGISTRY] && host[REGISTRY][name];
      const address = trustedAddress(host, `${options.gateway}/sdk/${VERSION}/${name}.js`);
      if (!isThere) await load(host, options.nonce, address, hashes[name]);
      return host[REGISTRY][name](core);
    } catch (error) {
      entered.delete(name);
      throw Object.assign(error, { reason: 'room_missing' });
    }
  }

  return function enter(name) {
    if (!entered.has(name)) entered.set(name, open(name));
    return entered.get(name);
  };
}
