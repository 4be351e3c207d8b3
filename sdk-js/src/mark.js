// Our mark on a notification: only what carries it is ours, for a shop's worker may show its own.

/** What we keep with a notification; null where it is not ours. */
export const markOf = ({ data }) => (data && data.steeple) || null;

/** Whether a notification shows this message. */
export const isOf = (notification, message) => (markOf(notification) || {}).m === message;

/** What tells one delivery from all others. */
export const nameOf = ({ m, t }) => t || m;
