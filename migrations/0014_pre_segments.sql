-- Saved audiences, and lists of people and devices that a shop brings.
-- no-transaction
--
-- A list is known by its slug outside and by a small random number on the rows of those who are in it, as topics are. The
-- truth about a person is persons.lists; subscriptions.person_lists is a copy of it on each of the person's devices, so
-- that sending reads the device's row alone. A device that was named itself has the number in subscriptions.lists.
-- NULL is "in none", and takes no room.
--
-- A number that a list gave up (deleted, or replaced by a new upload) is cleared from the rows later, a step at a time:
-- list_remains says which. It is never given out again.
--
-- Locks: ACCESS EXCLUSIVE on subscriptions and persons for a moment (columns without default rewrite nothing). The indexes
-- read their table once, about a second for a million rows, while everybody goes on; they hold nothing at first. A version
-- that does not know the columns leaves them alone.

CREATE TABLE IF NOT EXISTS segments (
    app_id      int NOT NULL,
    slug        text NOT NULL,
    name        text NOT NULL,
    audience    jsonb NOT NULL,
    version     int NOT NULL DEFAULT 1,       -- one more with each change of the audience
    created_at  timestamptz NOT NULL DEFAULT now(),
    changed_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (app_id, slug)
);

CREATE TABLE IF NOT EXISTS lists (
    app_id       int NOT NULL,
    slug         text NOT NULL,
    name         text NOT NULL,
    number       int NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    imported_at  timestamptz,
    PRIMARY KEY (app_id, slug)
);

CREATE TABLE IF NOT EXISTS list_remains (
    app_id       int NOT NULL,
    number       int NOT NULL,
    clear_after  timestamptz NOT NULL,        -- until then somebody may still read by it, or is just filling it
    PRIMARY KEY (app_id, number)
);
CREATE INDEX IF NOT EXISTS list_remains_due ON list_remains (clear_after);

ALTER TABLE subscriptions ADD COLUMN IF NOT EXISTS lists int[];
ALTER TABLE subscriptions ADD COLUMN IF NOT EXISTS person_lists int[];
ALTER TABLE persons ADD COLUMN IF NOT EXISTS lists int[];

SET statement_timeout = 0;
CREATE INDEX CONCURRENTLY IF NOT EXISTS subscriptions_lists ON subscriptions USING gin (lists) WHERE lists IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS subscriptions_person_lists ON subscriptions USING gin (person_lists)
    WHERE person_lists IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS persons_lists ON persons USING gin (lists) WHERE lists IS NOT NULL;
