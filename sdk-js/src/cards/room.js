// The room "cards": how something of ours looks in a shop's page. It knows views, and nothing of prompts.
import { openRoom } from '../rooms.js';
import { hangBell } from './bell.js';
import css from './cards.css';
import { createOwnSurface } from './own.js';
import { createSurface } from './surface.js';

function make({ host, options: { nonce } }) {
  const deps = { host, css, nonce };
  return {
    createSurface: (kind, answers) => createSurface(deps, kind, answers),
    createOwnSurface,
    hangBell: (look, bell) => hangBell(deps, look, bell),
  };
}

if (typeof window !== 'undefined') openRoom(window, 'cards', make);
