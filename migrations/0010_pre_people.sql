-- What a shop tells of people and what they do, and what is copied of it to their devices.
--
-- Locks: ACCESS EXCLUSIVE on persons for a moment; constant defaults rewrite nothing. The version before this one writes
-- neither of the new columns, so its devices get their copies when the person is next heard of.

ALTER TABLE persons
    ADD alias_of   text,                        -- another name of this person; then nothing else is in the row
    ADD aliases    text[] NOT NULL DEFAULT '{}',
    ADD set_at     jsonb,                       -- when each value of attrs was set: {"a.plan": 1796112000, "language": ...}
    ADD contact    bytea,                       -- e-mail and phone, sealed with the app's contact key
    ADD version    bigint NOT NULL DEFAULT 0,   -- goes up with every change of what devices have a copy of
    ADD copied     bigint NOT NULL DEFAULT 0,   -- the version that all devices have; behind: the fan-out is due
    ADD created_at timestamptz NOT NULL DEFAULT now(),
    ADD changed_at timestamptz NOT NULL DEFAULT now();

-- What people did, as shops tell it. day = the day it happened (UTC). What happened before the first partition lies in
-- the one without bounds, which is empty once the gateway has run for as long as events are kept.
CREATE TABLE person_events (
    app_id  int NOT NULL,
    bucket  smallint NOT NULL,
    day     date NOT NULL,
    person  text NOT NULL,
    id      text NOT NULL,
    name    text NOT NULL,
    at      timestamptz NOT NULL,
    data    jsonb,
    PRIMARY KEY (app_id, bucket, person, id, day)
) PARTITION BY RANGE (day);
CREATE TABLE person_events_rest PARTITION OF person_events DEFAULT;

-- People who are to be forgotten: what is left to do after the first step, which took their devices and their row.
CREATE TABLE erasures (
    app_id      int NOT NULL,
    bucket      smallint NOT NULL,
    id          bigint NOT NULL,
    names       text[] NOT NULL,
    subs        bigint[] NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (app_id, bucket, id)
);
CREATE INDEX erasures_oldest ON erasures (created_at);
