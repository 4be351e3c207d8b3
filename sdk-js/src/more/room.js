// The register of rooms: each room's hash, as the bundler found it when it built them.
import { openRoom } from '../rooms.js';

/* global __ROOMS__ */
const HASHES = typeof __ROOMS__ === 'undefined' ? {} : __ROOMS__;

if (typeof window !== 'undefined') openRoom(window, 'more', () => HASHES);
