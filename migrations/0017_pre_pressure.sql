-- What holds sending back: apps that were stopped by hand, frequency caps, and rates.
--
-- Locks: ACCESS EXCLUSIVE on outcomes and its days for a moment; a constant default rewrites nothing. The index is built
-- over the days that may still get rows; in older ones every row has category 0, which nobody asks for. A version that
-- does not know these tables goes on sending for stopped apps and beyond caps.

-- Emergency stops: a row for each app that sends nothing at present. Nearly always empty, so that every process can read
-- all of it twice a second.
CREATE TABLE app_stops (
    app_id      int PRIMARY KEY,
    actor       text NOT NULL,
    reason      text NOT NULL DEFAULT '',
    stopped_at  timestamptz NOT NULL DEFAULT now()
);

-- What an outcome counts as for caps (gateway/policy/caps.py): 1 marketing, 2 transactional.
ALTER TABLE outcomes ADD category smallint NOT NULL DEFAULT 0;
CREATE INDEX outcomes_recent ON ONLY outcomes (app_id, bucket, category, at);
DO $$
DECLARE day text;
BEGIN
    FOR day IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                WHERE i.inhparent = 'outcomes'::regclass
                  AND c.relname >= 'outcomes_' || to_char(current_date - 1, 'YYYYMMDD')
    LOOP
        EXECUTE format('CREATE INDEX %I ON %I (app_id, bucket, category, at)', day || '_recent', day);
        EXECUTE format('ALTER INDEX outcomes_recent ATTACH PARTITION %I', day || '_recent');
    END LOOP;
END $$;

-- Who sends under caps in a stretch of a bucket: one process at a time, so that two campaigns at once never break a cap.
-- The fence grows when another process takes it: what the one before knew of it is then no longer all there is.
CREATE TABLE stretch_leases (
    app_id       int NOT NULL,
    bucket       smallint NOT NULL,
    stretch      smallint NOT NULL,
    owner        bigint NOT NULL,
    fence        bigint NOT NULL,
    lease_until  timestamptz NOT NULL,
    PRIMARY KEY (app_id, bucket, stretch)
) WITH (fillfactor = 50);

-- Messages that go out at so many a minute: the next free moment, shared by all processes. In the message's bucket.
CREATE TABLE throttles (
    app_id   int NOT NULL,
    bucket   smallint NOT NULL,
    msg_id   bigint NOT NULL,
    next_at  timestamptz NOT NULL,
    PRIMARY KEY (app_id, bucket, msg_id)
) WITH (fillfactor = 50);

-- Messages to more people than one person may decide about: they wait until somebody approves them.
ALTER TABLE messages ADD needs_approval boolean NOT NULL DEFAULT false, ADD approval jsonb;
CREATE INDEX messages_unapproved ON messages (expires_at) WHERE needs_approval;
