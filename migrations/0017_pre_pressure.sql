-- What holds sending back: apps that were stopped by hand.
--
-- New tables only: locks nothing that exists, takes milliseconds. A version that does not know them goes on sending for
-- stopped apps: stop one once all processes are of this version.

-- Emergency stops: a row for each app that sends nothing at present. Nearly always empty, so that every process can read
-- all of it twice a second.
CREATE TABLE app_stops (
    app_id      int PRIMARY KEY,
    actor       text NOT NULL,
    reason      text NOT NULL DEFAULT '',
    stopped_at  timestamptz NOT NULL DEFAULT now()
);
