// The entry of the room "prompts": a file of its own, loaded where a prompt is wanted.
import { openRoom } from '../rooms.js';
import { createPrompts } from './prompts.js';

if (typeof window !== 'undefined') openRoom(window, 'prompts', createPrompts);
