-- no-transaction
--
-- Where devices are: what their addresses and they themselves tell of it, what audiences ask for it by, and the areas
-- whose entering and leaving a shop wants to hear of.
--
-- Locks: ACCESS EXCLUSIVE on subscriptions for a moment (columns without a default rewrite nothing); the indexes are
-- built beside running work, and are empty at first. A version that does not know the columns leaves them as they are.
-- Each statement may be run again after a crash in the middle.

SET statement_timeout = 0;  -- an index of a large table takes longer than any other statement may

ALTER TABLE subscriptions
    ADD COLUMN IF NOT EXISTS geo_timezone text,      -- of the place; what the device itself says is `timezone`
    ADD COLUMN IF NOT EXISTS region_key   text,      -- region and city as they are compared: model/place.py
    ADD COLUMN IF NOT EXISTS city_key     text,
    ADD COLUMN IF NOT EXISTS located_by   smallint,  -- whose position lat and lon are: 1 the address's, 2 the device's
    ADD COLUMN IF NOT EXISTS located_at   timestamptz;  -- when the device gave its position; NULL for an address's

DROP INDEX CONCURRENTLY IF EXISTS subscriptions_position;
CREATE INDEX CONCURRENTLY subscriptions_position ON subscriptions (app_id, lat, lon)
    WHERE state = 0 AND lat IS NOT NULL;

DROP INDEX CONCURRENTLY IF EXISTS subscriptions_city;
CREATE INDEX CONCURRENTLY subscriptions_city ON subscriptions (app_id, city_key)
    WHERE state = 0 AND city_key IS NOT NULL;

DROP INDEX CONCURRENTLY IF EXISTS subscriptions_located;
CREATE INDEX CONCURRENTLY subscriptions_located ON subscriptions (located_at) WHERE located_at IS NOT NULL;
