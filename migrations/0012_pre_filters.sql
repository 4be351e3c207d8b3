-- no-transaction
--
-- What filters ask for by index: values and lists of tags and attributes, and countries.
--
-- Built beside running work: no statement waits for them. A million devices with seven attributes each take half a minute
-- and 30 MB. Each index has only the devices that have what it is about, so that a device of nobody known costs nothing
-- when it enrols. One with attributes and tags costs 9 us more on top of 20, and a changed one 15 on top of 35 (Postgres'
-- CPU time); in return a filter for one in fifty reads the fiftieth. Not indexed on purpose: `seen_at`, which changes with
-- every visit, and what people did, which has no value that many filters share. Each statement may be run again after a
-- crash in the middle.

SET statement_timeout = 0;  -- building an index of a large table takes longer than any other statement may

DROP INDEX CONCURRENTLY IF EXISTS subscriptions_tags;
CREATE INDEX CONCURRENTLY subscriptions_tags ON subscriptions USING gin ((attrs -> 'tags') jsonb_path_ops)
    WHERE state = 0 AND attrs IS NOT NULL;

DROP INDEX CONCURRENTLY IF EXISTS subscriptions_known;
CREATE INDEX CONCURRENTLY subscriptions_known ON subscriptions
    USING gin ((facts -> 'attributes') jsonb_path_ops, (facts -> 'tags') jsonb_path_ops)
    WHERE state = 0 AND facts IS NOT NULL;

DROP INDEX CONCURRENTLY IF EXISTS subscriptions_country;
CREATE INDEX CONCURRENTLY subscriptions_country ON subscriptions (app_id, country)
    WHERE state = 0 AND country IS NOT NULL;

-- How common a value is: the planner does not ask a partial index for that. Filled by ANALYZE.
CREATE STATISTICS IF NOT EXISTS subscriptions_attributes ON (facts -> 'attributes') FROM subscriptions;
CREATE STATISTICS IF NOT EXISTS subscriptions_person_tags ON (facts -> 'tags') FROM subscriptions;
CREATE STATISTICS IF NOT EXISTS subscriptions_device_tags ON (attrs -> 'tags') FROM subscriptions;
