// The room of the preference centre, with its looks.
import { openRoom } from '../rooms.js';
import { makePreferences } from './centre.js';
import STYLES from './style.css';

if (typeof window !== 'undefined') openRoom(window, 'preferences', (core) => makePreferences(core, STYLES));
