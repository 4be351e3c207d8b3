// Calls that Steeple has no counterpart for: they answer, do nothing, and tell the developer once in the console.
import { complain } from '../calls.js';

// What JavaScript itself asks an object for: a promise's `then`, conversions. None of these is a call of the page.
const isLanguage = (name) => typeof name === 'symbol' || name === 'then' || name === 'toJSON' || name === 'prototype';

/** `unmapped(path, why)`: says once for each call that it does nothing here. */
export function createNotes(host) {
  const told = new Set();
  return (path, why) => {
    if (told.has(path)) return;
    told.add(path);
    complain(host, `OneSignal.${path} does nothing here:`, why || 'Steeple has no such call.');
  };
}

/** A function that may be called, and asked for further names, at any depth. */
function harmless(path, note) {
  return new Proxy(() => {}, {
    get: (_, name) => (isLanguage(name) ? undefined : harmless(`${path}.${String(name)}`, note)),
    apply: () => {
      note(path);
      return Promise.resolve();
    },
  });
}

/** `known` with every unknown name answered harmlessly; `path` is its own name within OneSignal. */
export function forgiving(known, path, note) {
  return new Proxy(known, {
    get: (target, name) => (name in target || isLanguage(name) ? target[name] : harmless(`${path}${String(name)}`, note)),
  });
}
