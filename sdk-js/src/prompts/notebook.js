// What is remembered of this visitor, kept in the store; the reasons are in memory.js.
import { mended, stranger } from './memory.js';

/** `now()`: what is remembered; `note(change)`: changes it, on what other tabs have written meanwhile, and keeps it. */
export function openNotebook(store) {
  let memory = stranger(Math.random());

  async function note(change) {
    const now_ms = Date.now();
    memory = await store.update('prompts', (kept) => change(mended(kept || memory, now_ms), now_ms));
  }

  return { now: () => memory, note, isKept: () => store.isKept('prompts') };
}
