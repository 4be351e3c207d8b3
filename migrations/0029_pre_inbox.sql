-- no-transaction
--
-- The inbox in the page: visitors who have no push address, and what readers have read.
--
-- Who finds what in an inbox is asked when it is read: nothing is written for each recipient. The indexes hold only
-- messages that stay in the inbox (`terms` has the key `inbox`), so that all others pay nothing for them.
--
-- Locks: none for long; the indexes are built beside running work. Each statement may be run again after a crash.

SET statement_timeout = 0;  -- an index of a large table takes longer than any other statement may

-- Somebody who reads the inbox without a push address: an id, a secret, and what their page tells of them.
CREATE TABLE IF NOT EXISTS visitors (
    app_id       int NOT NULL,
    bucket       smallint NOT NULL,
    id           bigint NOT NULL,
    secret_hash  bytea NOT NULL,
    person       text,
    locale       text,
    timezone     text,
    country      text,
    region       text,
    city         text,
    platform     smallint NOT NULL DEFAULT 0,
    created_at   timestamptz NOT NULL DEFAULT now(),
    seen_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (app_id, bucket, id)
);
CREATE INDEX IF NOT EXISTS visitors_person ON visitors (app_id, person) WHERE person IS NOT NULL;
CREATE INDEX IF NOT EXISTS visitors_unseen ON visitors (seen_at);

-- What one reader has read: a person (u:), a device (d:) or a visitor (v:), in the bucket of that text. One row, bounded.
CREATE TABLE IF NOT EXISTS inbox_marks (
    app_id       int NOT NULL,
    bucket       smallint NOT NULL,
    reader       text NOT NULL,
    read_before  timestamptz,                   -- everything up to then is read
    read         bigint[] NOT NULL DEFAULT '{}', -- and these messages, the last one marked at the end
    changed_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (app_id, bucket, reader)
);
CREATE INDEX IF NOT EXISTS inbox_marks_old ON inbox_marks (changed_at);

-- Messages of the inbox that are for more than names, the newest first; and those that name people or devices.
DROP INDEX CONCURRENTLY IF EXISTS messages_inbox;
CREATE INDEX CONCURRENTLY messages_inbox ON messages (app_id, planned_at DESC, id DESC)
 WHERE terms ? 'inbox' AND NOT audience ?| ARRAY['users', 'subscriptions'];
DROP INDEX CONCURRENTLY IF EXISTS messages_inbox_named;
CREATE INDEX CONCURRENTLY messages_inbox_named ON messages USING gin ((audience->'users'), (audience->'subscriptions'))
 WHERE terms ? 'inbox';
