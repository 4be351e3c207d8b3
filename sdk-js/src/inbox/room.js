// The entry of the room "inbox": a file of its own, loaded by pages that use it and by no others.
import { openRoom } from '../rooms.js';
import { createInbox } from './inbox.js';

if (typeof window !== 'undefined') openRoom(window, 'inbox', createInbox);
