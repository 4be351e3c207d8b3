-- Which messages came to a stretch of a bucket lately, from an index alone.
--
-- The index before knew neither the range of a row nor its message: each look fetched every row of its time in the bucket,
-- and an app that sends many single messages has a row for each of them.
--
-- Locks: ACCESS EXCLUSIVE on outcomes for a moment at the end; while a day's index is built, that day takes no rows. A
-- row is a group of 500 recipients: a day of 100 million messages is done in a second.
CREATE INDEX outcomes_lately ON ONLY outcomes (app_id, bucket, category, at, lo, hi) INCLUDE (msg_id, day);
DO $$
DECLARE part text;
BEGIN
    FOR part IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                 WHERE i.inhparent = 'outcomes'::regclass ORDER BY 1
    LOOP
        EXECUTE format('CREATE INDEX %I ON %I (app_id, bucket, category, at, lo, hi) INCLUDE (msg_id, day)',
                       part || '_lately', part);
        EXECUTE format('ALTER INDEX outcomes_lately ATTACH PARTITION %I', part || '_lately');
    END LOOP;
END $$;
DROP INDEX outcomes_recent;
