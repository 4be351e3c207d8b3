// The room "inbox-view": how messages look in a shop's page. Loaded when there is something to show; pages that draw
// their own list never pay for it.
import { openRoom } from '../../rooms.js';
import { createBanner } from './banner.js';
import { createPanel } from './panel.js';
import { speakerOf } from './speech.js';

const make = (core) => ({
  panel: (acts) => createPanel(core, speakerOf(core), acts),
  banner: (acts) => createBanner(core, speakerOf(core), acts),
});

if (typeof window !== 'undefined') openRoom(window, 'inbox-view', make);
