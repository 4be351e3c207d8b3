-- What devices track while nobody is logged in on them. At the login it becomes history of the person (person_events)
-- and its rows go; what never finds a person goes after a month.
--
-- Locks: none but on what is made here, in a moment.

CREATE TABLE device_events (
    app_id  int NOT NULL,
    bucket  smallint NOT NULL,
    sub_id  bigint NOT NULL,
    id      text NOT NULL,         -- the device's own: told again, it is the same event
    name    text NOT NULL,
    at      timestamptz NOT NULL,
    data    jsonb,
    PRIMARY KEY (app_id, bucket, sub_id, id)
);
CREATE INDEX device_events_oldest ON device_events (at);
