-- Chunks are claimed in turns: by app, then by message. The table holds the work of the last days, so this takes
-- seconds at most; workers go on meanwhile.
-- no-transaction

CREATE INDEX CONCURRENTLY IF NOT EXISTS chunks_turns ON chunks (app_id, msg_id, due_at) WHERE state = 0 AND hold = 0;
