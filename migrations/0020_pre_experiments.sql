-- Experiments: a share of a message's people get its variants, the others wait for the winner. Locks nothing that exists;
-- takes milliseconds.
--
-- In the bucket of the message, written in the transaction that plans it. The waiting are chunks of their own, in parts
-- from 16384 on, due a thousand years late; releasing them takes the thousand years off again.

CREATE TABLE experiments (
    app_id       int NOT NULL,
    bucket       smallint NOT NULL,
    msg_id       bigint NOT NULL,
    decide_at    timestamptz,             -- NULL: by hand
    expires_at   timestamptz NOT NULL,    -- the message's: nobody waits beyond it
    winner       smallint,                -- the place of the variant; once set it stays
    decided_by   text,
    decided_at   timestamptz,
    released_at  timestamptz,             -- the waiting go on, or there is nothing left to wait for
    PRIMARY KEY (app_id, bucket, msg_id)
);
CREATE INDEX experiments_open ON experiments (least(decide_at, expires_at)) WHERE released_at IS NULL;
