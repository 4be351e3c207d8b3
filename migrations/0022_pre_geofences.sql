-- no-transaction
--
-- Areas whose entering and leaving a shop wants to hear of, and in which of them a device is.
--
-- Locks: ACCESS EXCLUSIVE on subscriptions for a moment (columns without a default rewrite nothing); the index is built
-- beside running work, and is empty at first. Each statement may be run again after a crash in the middle.

SET statement_timeout = 0;  -- an index of a large table takes longer than any other statement may

CREATE TABLE IF NOT EXISTS geofences (
    app_id      int NOT NULL,
    id          bigint NOT NULL,   -- random: a deleted one's must not come back, because devices still carry it
    slug        text NOT NULL,
    shape       jsonb NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (app_id, id),
    UNIQUE (app_id, slug)
);

ALTER TABLE subscriptions
    ADD COLUMN IF NOT EXISTS fences     bigint[],     -- those that the device is in; NULL: none, or nothing was said
    ADD COLUMN IF NOT EXISTS fenced_at  timestamptz;  -- when that changed

DROP INDEX CONCURRENTLY IF EXISTS subscriptions_fenced;
CREATE INDEX CONCURRENTLY subscriptions_fenced ON subscriptions (fenced_at) WHERE fenced_at IS NOT NULL;
