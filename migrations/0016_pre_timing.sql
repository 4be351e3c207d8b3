-- When people get their messages: the hours they were seen, and the series that a message is an occurrence of.
--
-- Locks: ACCESS EXCLUSIVE for a moment; columns without a default rewrite nothing. The index is on rows that there are
-- none of yet. A version that does not know the columns leaves them empty.

ALTER TABLE subscriptions
    ADD COLUMN hours     bytea,      -- 24 bytes: visits and clicks in each hour of UTC (no CHECK: it would read every row)
    ADD COLUMN best_hour smallint;   -- 0 to 23: the hour with the most, once there are enough

ALTER TABLE messages ADD COLUMN series bigint;                             -- the message that this one is an occurrence of
CREATE INDEX messages_series ON messages (app_id, series, due_at) WHERE series IS NOT NULL;
