// Bounds on waiting: no call of a browser or a network may hold a page or a worker for ever.

/** Resolves or rejects as `work` does, or rejects with a TimeoutError after `limit_ms`. */
export function within(limit_ms, work) {
  let timer;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(Object.assign(new Error('timed out'), { name: 'TimeoutError' })), limit_ms);
  });
  return Promise.race([work, limit]).finally(() => clearTimeout(timer));
}

export const pause = (wait_ms) => new Promise((resolve) => setTimeout(resolve, wait_ms));
