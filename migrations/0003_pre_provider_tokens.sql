-- Access tokens of providers that all processes share, so that one of them makes the next and a provider sees few.
-- A new table: locks nothing that exists, takes milliseconds.
--
-- `sealed` opens with the master key only. Whoever holds the lease makes the next token; `made_no` is its fence. A row
-- is never precious: without it a token is made anew. It goes an hour after all of its times have passed.

CREATE TABLE provider_tokens (
    name_hash     bytea PRIMARY KEY,
    sealed        bytea,
    made_at       timestamptz,
    expires_at    timestamptz,
    made_no       int NOT NULL DEFAULT 0,
    owner         bigint,
    leased_until  timestamptz,
    failures      smallint NOT NULL DEFAULT 0,  -- in a row
    paused_until  timestamptz,                  -- after a failure: nobody tries before
    CHECK (sealed IS NULL OR (made_at IS NOT NULL AND expires_at IS NOT NULL))
);
