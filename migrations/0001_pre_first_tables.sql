-- The first tables. Locks nothing that exists; takes milliseconds.
--
-- Hot tables (subscriptions, addresses, persons, messages, chunks, outcomes, receipts, receipt_counts, idempotency) have
-- app_id and bucket first in their primary key, and every unique key contains bucket: the same statements run on one
-- Postgres and, distributed by bucket, on Citus. The gateway computes buckets (gateway/model/ids.py); they are never
-- generated here and never updated. No triggers, no enums, no foreign keys between hot tables and the rest.

-- Apps and what belongs to them: small, read by every process, written rarely --------------------------------------------

CREATE TABLE apps (
    id          int PRIMARY KEY,
    public_id   bigint NOT NULL UNIQUE,
    name        text NOT NULL UNIQUE,
    home        smallint NOT NULL CHECK (home BETWEEN 0 AND 1023),
    spread      smallint NOT NULL DEFAULT 1 CHECK (spread IN (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)),
    origins     text[] NOT NULL DEFAULT '{}',
    link_hosts  text[] NOT NULL DEFAULT '{}',
    subject     text NOT NULL,
    settings    jsonb NOT NULL DEFAULT '{}',
    created_at  timestamptz NOT NULL DEFAULT now(),
    deleted_at  timestamptz,
    emptied_at  timestamptz               -- nothing that belonged to it is left
);

-- Keys of an app at a provider (a VAPID pair, say). Several live at once: every subscription names the one it was made
-- with. `sealed` opens only with the master key; `public` is what pages and operators may see.
CREATE TABLE credentials (
    app_id      int NOT NULL,
    id          smallint NOT NULL,
    public_id   bigint NOT NULL UNIQUE,
    provider    text NOT NULL,
    public      jsonb NOT NULL DEFAULT '{}',
    sealed      bytea NOT NULL,
    is_current  boolean NOT NULL DEFAULT false,
    created_at  timestamptz NOT NULL DEFAULT now(),
    retired_at  timestamptz,
    PRIMARY KEY (app_id, id)
);
CREATE UNIQUE INDEX credentials_current ON credentials (app_id, provider) WHERE is_current;

-- Secrets of our own making (receipt signing, login signing, the key that endpoint hashes are made with; app 0 is the
-- installation). Two of a kind may live at once while one takes over from the other.
CREATE TABLE secrets (
    app_id      int NOT NULL,
    kind        text NOT NULL,
    id          smallint NOT NULL,
    sealed      bytea NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    retired_at  timestamptz,
    PRIMARY KEY (app_id, kind, id)
);

CREATE TABLE api_keys (
    id           bigint PRIMARY KEY,
    app_id       int,
    name         text NOT NULL,
    scopes       text[] NOT NULL,
    hash         bytea NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz,
    revoked_at   timestamptz,
    last_used_at timestamptz
);
CREATE INDEX api_keys_app ON api_keys (app_id);

CREATE TABLE topics (
    app_id      int NOT NULL,
    id          int NOT NULL,
    slug        text NOT NULL,
    name        text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (app_id, id),
    UNIQUE (app_id, slug)
);

CREATE TABLE audit_log (
    id       bigint PRIMARY KEY,
    at       timestamptz NOT NULL DEFAULT now(),
    app_id   int,
    actor    text NOT NULL,
    action   text NOT NULL,
    target   text NOT NULL,
    detail   jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_log_at ON audit_log (at);

-- Health that processes share: a lane is a credential at one push service ('' stands for all of them).
CREATE TABLE lanes (
    app_id         int NOT NULL,
    credential_id  smallint NOT NULL,
    origin         text NOT NULL,
    state          smallint NOT NULL,
    reason         text NOT NULL,
    until          timestamptz NOT NULL,
    changed_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (app_id, credential_id, origin)
);

CREATE TABLE processes (
    id          bigint PRIMARY KEY,
    role        text NOT NULL,
    host        text NOT NULL,
    pid         int NOT NULL,
    version     text NOT NULL,
    started_at  timestamptz NOT NULL DEFAULT now(),
    heard_at    timestamptz NOT NULL DEFAULT now()
);

-- Devices and people ------------------------------------------------------------------------------------------------------

CREATE TABLE subscriptions (
    app_id         int NOT NULL,
    bucket         smallint NOT NULL,
    id             bigint NOT NULL CHECK (id >= 0),
    provider       text NOT NULL,
    state          smallint NOT NULL DEFAULT 0,
    credential_id  smallint NOT NULL,
    wire           bytea NOT NULL,            -- all that the sender needs, packed by the provider; first byte = format
    address_hash   bytea NOT NULL,            -- of its row in addresses, which is found by nothing else
    person         text,
    topics         int[] NOT NULL DEFAULT '{}',
    attrs          jsonb,
    facts          jsonb,
    country        text,
    region         text,
    city           text,
    lat            real,
    lon            real,
    timezone       text,
    locale         text,
    platform       smallint NOT NULL DEFAULT 0,
    secret_hash    bytea,
    consent        jsonb,
    created_at     timestamptz NOT NULL DEFAULT now(),
    enrolled_at    timestamptz NOT NULL DEFAULT now(),  -- set by us; who enrols after a send was planned is not in it
    registered_at  timestamptz NOT NULL DEFAULT now(),  -- of the present address; an older "gone" does not close it
    seen_at        timestamptz NOT NULL DEFAULT now(),
    suspect_at     timestamptz,
    ended_at       timestamptz,
    PRIMARY KEY (app_id, bucket, id)
);
CREATE INDEX subscriptions_live ON subscriptions (app_id, bucket, id) WHERE state = 0;
CREATE INDEX subscriptions_topics ON subscriptions USING gin (topics) WHERE topics <> '{}';
CREATE INDEX subscriptions_ended ON subscriptions (ended_at) WHERE state <> 0;

-- An endpoint or token is one subscription's, or nobody's. Bucket of the hash.
CREATE TABLE addresses (
    app_id           int NOT NULL,
    bucket           smallint NOT NULL,
    hash             bytea NOT NULL,
    subscription_id  bigint NOT NULL,
    PRIMARY KEY (app_id, bucket, hash)
);

CREATE TABLE persons (
    app_id  int NOT NULL,
    bucket  smallint NOT NULL,
    person  text NOT NULL,
    subs    bigint[] NOT NULL DEFAULT '{}',
    attrs   jsonb,
    facts   jsonb,
    PRIMARY KEY (app_id, bucket, person)
);

-- Messages and their work -------------------------------------------------------------------------------------------------

CREATE TABLE idempotency (
    app_id        int NOT NULL,
    bucket        smallint NOT NULL,
    key           text NOT NULL,
    request_hash  bytea NOT NULL,
    status        smallint,
    answer        bytea,
    created_at    timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz NOT NULL,
    PRIMARY KEY (app_id, bucket, key)
);
CREATE INDEX idempotency_expired ON idempotency (expires_at);

CREATE TABLE messages (
    app_id           int NOT NULL,
    bucket           smallint NOT NULL,
    id               bigint NOT NULL,
    kind             smallint NOT NULL,       -- 1 a campaign, 2 to a few named people
    state            smallint NOT NULL,
    content_version  smallint NOT NULL DEFAULT 1,
    content          jsonb NOT NULL,
    audience         jsonb NOT NULL,
    due_at           timestamptz NOT NULL DEFAULT now(),
    expires_at       timestamptz NOT NULL,
    planned_at       timestamptz,
    finished_at      timestamptz,
    lease_until      timestamptz,
    tally            jsonb,                   -- what became of all, once it is done
    is_swept         boolean NOT NULL DEFAULT false,  -- its chunks are deleted
    created_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (app_id, bucket, id)
);
CREATE INDEX messages_due ON messages (due_at) WHERE state IN (0, 1);
CREATE INDEX messages_running ON messages (created_at) WHERE state = 2 OR (state = 5 AND tally IS NULL);
CREATE INDEX messages_finished ON messages (is_swept, finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX messages_recent ON messages (app_id, created_at DESC, id);

-- A range of subscription ids with a cursor, or (retries, a few people) an explicit list of ids. The counts of a message
-- are the sums of its chunks' tallies: {"<provider>.<platform>.<code>": n}.
CREATE TABLE chunks (
    app_id       int NOT NULL,
    bucket       smallint NOT NULL,
    msg_id       bigint NOT NULL,
    part         smallint NOT NULL DEFAULT 0,
    lo           bigint NOT NULL,
    hi           bigint NOT NULL,
    attempt      smallint NOT NULL DEFAULT 0,  -- 0 the first go, then one more for each chunk of retries
    strikes      smallint NOT NULL DEFAULT 0,  -- attempts that count against the limit
    cursor       bigint NOT NULL,              -- the last id that is settled; lo - 1 at first
    ids          bigint[],
    state        smallint NOT NULL DEFAULT 0,  -- 0 waits, 1 claimed, 2 done
    hold         smallint NOT NULL DEFAULT 0,  -- 0 go, 1 paused, 2 cancelled
    due_at       timestamptz NOT NULL DEFAULT now(),
    lease_until  timestamptz,
    owner        bigint,
    claim_no     int NOT NULL DEFAULT 0,
    expected     int NOT NULL DEFAULT 0,       -- recipients counted at planning
    seen         int NOT NULL DEFAULT 0,       -- recipients read so far
    tally        jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (app_id, bucket, msg_id, part, lo, attempt)
) WITH (fillfactor = 50);
CREATE INDEX chunks_due ON chunks (due_at) WHERE state = 0 AND hold = 0;
CREATE INDEX chunks_leased ON chunks (lease_until) WHERE state = 1;

-- One row per settled group of at most 500: ids in order, one code byte each. day = the message's day (UTC).
CREATE TABLE outcomes (
    app_id  int NOT NULL,
    bucket  smallint NOT NULL,
    day     date NOT NULL,
    msg_id  bigint NOT NULL,
    part    smallint NOT NULL DEFAULT 0,
    lo      bigint NOT NULL,
    hi      bigint NOT NULL,
    attempt smallint NOT NULL DEFAULT 0,
    at      timestamptz NOT NULL,
    ids     bigint[] NOT NULL,
    codes   bytea NOT NULL,
    PRIMARY KEY (app_id, bucket, msg_id, lo, attempt, at, day)
) PARTITION BY RANGE (day);
CREATE INDEX outcomes_one ON outcomes (app_id, bucket, lo, at) WHERE lo = hi;
ALTER TABLE outcomes ALTER COLUMN ids SET STORAGE EXTERNAL;
ALTER TABLE outcomes ALTER COLUMN codes SET STORAGE MAIN;

-- What devices report: each kind counts once per message and device.
CREATE TABLE receipts (
    app_id  int NOT NULL,
    bucket  smallint NOT NULL,
    day     date NOT NULL,
    msg_id  bigint NOT NULL,
    sub_id  bigint NOT NULL,
    kind    smallint NOT NULL,
    at      timestamptz NOT NULL,
    data    jsonb,
    PRIMARY KEY (app_id, bucket, msg_id, sub_id, kind, day)
) PARTITION BY RANGE (day);

-- The sums of receipts, in the bucket of the device that reported: no row is hot, and a message's figures are few rows.
CREATE TABLE receipt_counts (
    app_id  int NOT NULL,
    bucket  smallint NOT NULL,
    msg_id  bigint NOT NULL,
    kind    smallint NOT NULL,
    n       int NOT NULL,
    PRIMARY KEY (app_id, bucket, msg_id, kind)
) WITH (fillfactor = 50);
