-- Lanes remember the rate that a push service forced on them, so that all processes keep to it and a restart does not
-- run into the same wall. A lane that runs slowed has a row too now, with state 0 and `until` gone by: the version
-- before this one takes such a row for a standstill that is over.
--
-- Locks: ACCESS EXCLUSIVE on a table of a few rows, for a moment; new columns without a default rewrite nothing.

ALTER TABLE lanes
    ADD rate        real,           -- pushes a second of the whole gateway after the last fall; NULL: no limit
    ADD rate_before real,           -- what it was before that fall: it grows by a twentieth of this in ten seconds
    ADD rate_peak   real,           -- what it was before the first fall: once it is that again, the limit is lifted
    ADD rate_since  timestamptz,    -- since when it grows; may lie ahead while the lane stands
    ADD limited_at  timestamptz;    -- when the operator was told that the service limits this key on purpose
