-- The loop that finishes the fan-out finds people whose devices lag behind. Most of the time the index is empty.
-- no-transaction

SET statement_timeout = 0;  -- an index of a large table takes longer than any other statement may

CREATE INDEX CONCURRENTLY IF NOT EXISTS persons_stale ON persons (changed_at) WHERE copied < version;
