-- Finds the messages under way that may stand on a segment or a list, of one app, before either is deleted or changed.
-- no-transaction
--
-- Locks nothing for long: the index is built while everybody goes on, and holds only messages that are not done and whose
-- audience is more than names. Orders to named people are never in it.

SET statement_timeout = 0;
CREATE INDEX CONCURRENTLY IF NOT EXISTS messages_filtered ON messages (app_id)
    WHERE state IN (0, 1, 2, 3) AND audience ?| '{segments,lists,where,exclude}'::text[];
