// Slide-downs that `init` lets come up by themselves (`promptOptions.slidedown`, versions 15 and 16): as long as the
// gateway has no prompt of its own, Steeple's plain one comes up in their place, as often as its back-off allows.
import { permission } from '../subscription.js';
import { pause } from '../time.js';
import { KEPT } from './tags.js';

const KINDS = ['push', 'category'];

/** `{views, delay_s}`: from which page view on, and after how long; null where nothing comes up by itself. */
export function autoPromptOf({ promptOptions }) {
  const { slidedown } = promptOptions || {};
  const { prompts = [slidedown] } = slidedown || {};
  const all = Array.isArray(prompts) ? prompts : [];
  const own = all.find((one) => one && one.autoPrompt && KINDS.includes(one.type || 'push'));
  if (!own) return null;
  const { pageViews = 1, timeDelay = 20 } = own.delay || own;
  return { views: pageViews, delay_s: timeDelay };
}

/** Counts the page view, and shows the prompt when it is its time. */
export async function comeUp({ host, store, steeple, given }) {
  const auto = autoPromptOf(given);
  const { prompts = [] } = (await store.get('config')) || {};
  if (!auto || prompts.length || permission(host) !== 'default') return;
  const { views } = await store.update(KEPT, (kept) => ({ ...kept, views: ((kept || {}).views || 0) + 1 }));
  if (views < auto.views) return;
  await pause(auto.delay_s * 1000);
  await steeple.prompt.show();
}
