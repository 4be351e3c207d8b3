-- Pools of coupon codes, and who was given which. Locks nothing that exists; takes milliseconds.
--
-- coupon_codes, coupon_given and coupon_uses grow with codes, people and messages: app_id and bucket come first, as in all
-- hot tables. A code lies in the bucket of its own text, what a person was given in the bucket of the person, so that
-- giving is two transactions: a code is taken under a lease, then entered with the person, then confirmed. The code's row
-- is the truth: nobody is shown a code whose row does not name them.

CREATE TABLE coupon_pools (
    app_id       int NOT NULL,
    id           int NOT NULL,
    slug         text NOT NULL,
    name         text NOT NULL,
    expires_at   timestamptz,             -- of all its codes that say nothing themselves
    low_at       int,                     -- so few codes left are worth an alarm
    low_told_at  timestamptz,             -- the alarm was given; empty again once the pool was filled
    created_at   timestamptz NOT NULL DEFAULT now(),
    deleted_at   timestamptz,             -- its codes are being deleted
    PRIMARY KEY (app_id, id)
);
CREATE UNIQUE INDEX coupon_pools_slug ON coupon_pools (app_id, slug) WHERE deleted_at IS NULL;
CREATE INDEX coupon_pools_watched ON coupon_pools (app_id, id) WHERE low_at IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX coupon_pools_deleted ON coupon_pools (app_id, id) WHERE deleted_at IS NOT NULL;

CREATE TABLE coupon_codes (
    app_id        int NOT NULL,
    bucket        smallint NOT NULL,
    pool_id       int NOT NULL,
    code          text NOT NULL,
    state         smallint NOT NULL DEFAULT 0 CHECK (state IN (0, 1, 2, 4)),  -- free, taken, given, redeemed
    expires_at    timestamptz,
    msg_id        bigint,
    owner         text,                   -- whom it is taken for or given to, and the bucket of that row
    owner_bucket  smallint,
    taken_until   timestamptz,            -- taken and not given by then: it comes back
    given_at      timestamptz,
    redeemed_at   timestamptz,
    PRIMARY KEY (app_id, bucket, pool_id, code)
) WITH (fillfactor = 80);
CREATE INDEX coupon_codes_free ON coupon_codes (app_id, bucket, pool_id, code) WHERE state = 0;
CREATE INDEX coupon_codes_taken ON coupon_codes (taken_until) WHERE state = 1;

-- What a message gave to a person, or to a device of nobody's. sub_id: the first of the devices that were to show it.
CREATE TABLE coupon_given (
    app_id       int NOT NULL,
    bucket       smallint NOT NULL,
    msg_id       bigint NOT NULL,
    owner        text NOT NULL,
    pool_id      int NOT NULL,
    code         text NOT NULL,
    code_bucket  smallint NOT NULL,
    sub_id       bigint NOT NULL,
    more         bigint[] NOT NULL DEFAULT '{}',  -- further devices of the same person
    PRIMARY KEY (app_id, bucket, msg_id, owner)
);
CREATE INDEX coupon_given_walk ON coupon_given (app_id, bucket, msg_id, sub_id);

-- Messages that give codes, in the bucket of the message. Once it is done, codes that reached nobody come back: a walk
-- through coupon_given, one page after the other.
CREATE TABLE coupon_uses (
    app_id       int NOT NULL,
    bucket       smallint NOT NULL,
    msg_id       bigint NOT NULL,
    pool_id      int NOT NULL,
    walk_bucket  smallint NOT NULL DEFAULT -1,
    walk_sub     bigint NOT NULL DEFAULT -1,
    settled_at   timestamptz,
    PRIMARY KEY (app_id, bucket, msg_id)
);
CREATE INDEX coupon_uses_open ON coupon_uses (app_id, bucket, msg_id) WHERE settled_at IS NULL;
CREATE INDEX coupon_uses_pool ON coupon_uses (app_id, pool_id);
