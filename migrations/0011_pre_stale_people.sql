-- The loop that finishes the fan-out finds people whose devices lag behind. Most of the time the index is empty.
-- no-transaction

CREATE INDEX CONCURRENTLY IF NOT EXISTS persons_stale ON persons (changed_at) WHERE copied < version;
