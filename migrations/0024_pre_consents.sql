-- The ledger of consents: who agreed to what, when, where and how, and who took it back. Locks nothing that exists; takes
-- milliseconds. A version that does not know it goes on as before and writes nothing here.
--
-- Rows are added and never changed, but for `person` of a device that is no more. In the bucket of the device; `seq` counts
-- a device's records without gaps, and `hash` covers the record and the hash of the one before, so that a record that was
-- changed or taken out shows. `salt` keeps the hash from telling anything by itself.

CREATE TABLE consents (
    app_id  int NOT NULL,
    bucket  smallint NOT NULL,
    sub_id  bigint NOT NULL,
    seq     int NOT NULL,
    kind    smallint NOT NULL,            -- 1 given, 2 withdrawn, 3 changed
    how     smallint NOT NULL,
    at      timestamptz NOT NULL,
    person  text,                         -- whose device it was; not in the hash
    said    jsonb NOT NULL DEFAULT '{}',
    salt    bytea NOT NULL,
    before  bytea NOT NULL,               -- hash of the record before; empty for the first
    hash    bytea NOT NULL,
    PRIMARY KEY (app_id, bucket, sub_id, seq)
);
CREATE INDEX consents_person ON consents (app_id, person) WHERE person IS NOT NULL;

-- What an erasure leaves of a record: its hash, without the salt, so that it can be shown to whoever kept the record, and
-- tells nobody else anything.
CREATE TABLE consent_remains (
    app_id  int NOT NULL,
    bucket  smallint NOT NULL,
    hash    bytea NOT NULL,
    kind    smallint NOT NULL,
    day     date NOT NULL,
    PRIMARY KEY (app_id, bucket, hash)
);

-- Addresses whose owner left or was erased: a page that mends by itself must not bring them back. Bucket of the hash, as
-- in addresses.
CREATE TABLE withdrawals (
    app_id  int NOT NULL,
    bucket  smallint NOT NULL,
    hash    bytea NOT NULL,
    at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (app_id, bucket, hash)
);
CREATE INDEX withdrawals_old ON withdrawals (at);
