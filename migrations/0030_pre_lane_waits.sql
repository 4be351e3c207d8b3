-- no-transaction
--
-- Whom a lane's standstill keeps waiting: they go when the lane runs again or somebody resumes it, however long they were
-- put off for.
--
-- Locks: ACCESS EXCLUSIVE on chunks for a moment (a column without a default rewrites nothing); the index is built beside
-- running work, and begins empty. A version that does not know the column leaves it as it is: those wait as they did.
-- Each statement may be run again after a crash in the middle.

ALTER TABLE chunks ADD COLUMN IF NOT EXISTS lane int;  -- policy/standstill.py: NULL: waits for none, 0: for several

DROP INDEX CONCURRENTLY IF EXISTS chunks_lane;
CREATE INDEX CONCURRENTLY chunks_lane ON chunks (app_id, lane) WHERE state = 0 AND lane IS NOT NULL;
