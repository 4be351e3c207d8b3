// The entry of the room "events": a file of its own, loaded where something was tracked and is to be sent.
import { openRoom } from '../rooms.js';
import { createSending } from './sending.js';

if (typeof window !== 'undefined') openRoom(window, 'events', createSending);
