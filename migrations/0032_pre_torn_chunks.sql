-- no-transaction
--
-- What a worker that died had on the way: so many recipients behind the cursor may have been sent, and nobody knows. Under
-- frequency caps no other message goes to them before that is settled.
--
-- Locks: ACCESS EXCLUSIVE on chunks for a moment (a default that is a constant rewrites nothing); the index is built beside
-- running work, and begins empty. A version that does not know the column leaves it at 0, and counts as it did.
-- Each statement may be run again after a crash in the middle.

ALTER TABLE chunks ADD COLUMN IF NOT EXISTS torn smallint NOT NULL DEFAULT 0;

DROP INDEX CONCURRENTLY IF EXISTS chunks_torn;
CREATE INDEX CONCURRENTLY chunks_torn ON chunks (app_id, bucket) WHERE torn > 0 AND state < 2;
