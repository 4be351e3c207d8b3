"""The ledger of consents: added to, read, and at an erasure reduced to hashes. Nothing else is ever done to it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from gateway.model.app import App
from gateway.model.consent import ConsentRecord
from gateway.store.database import Queryable, Record
from gateway.store.subscriptions import address_bucket_of, bucket_of


async def last_of(db: Queryable, app: App, subscription_id: int) -> tuple[int, bytes]:
    """Number and hash of the device's last record; 0 and none where there is no record."""
    row = await db.fetchrow(
        "SELECT seq, hash FROM consents WHERE app_id = $1 AND bucket = $2 AND sub_id = $3 ORDER BY seq DESC LIMIT 1",
        app.id,
        bucket_of(app, subscription_id),
        subscription_id,
    )
    return (0, b"") if row is None else (row["seq"], row["hash"])


async def last_of_many(db: Queryable, app: App, subscriptions: Sequence[int]) -> dict[int, tuple[int, bytes]]:
    """The same of each of these devices that has records."""
    rows = await db.fetch(
        """
        SELECT DISTINCT ON (bucket, sub_id) sub_id, seq, hash FROM consents
        WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND sub_id = ANY($3::bigint[])
        ORDER BY bucket, sub_id, seq DESC
        """,
        app.id,
        list({bucket_of(app, one) for one in subscriptions}),
        list(subscriptions),
    )
    return {row["sub_id"]: (row["seq"], row["hash"]) for row in rows}


async def add(db: Queryable, app: App, record: ConsentRecord) -> None:
    """Adds a record, in the transaction that does what it tells, while the device's row is locked by it."""
    await db.execute(
        """
        INSERT INTO consents (app_id, bucket, sub_id, seq, kind, how, at, person, said, salt, before, hash)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        """,
        app.id,
        bucket_of(app, record.subscription_id),
        record.subscription_id,
        record.seq,
        record.act,
        record.how,
        record.at,
        record.person,
        record.said,
        record.salt,
        record.before,
        record.hash,
    )


async def add_many(db: Queryable, app: App, records: Sequence[ConsentRecord]) -> None:
    """Adds records of many devices, in the transaction that does what they tell and holds the rows of the devices."""
    await db.execute(
        """
        INSERT INTO consents (app_id, bucket, sub_id, seq, kind, how, at, person, said, salt, before, hash)
        SELECT $1, bucket, sub_id, seq, kind, how, at, person, said::jsonb, salt, before, hash
        FROM unnest($2::smallint[], $3::bigint[], $4::int[], $5::smallint[], $6::smallint[], $7::timestamptz[],
                    $8::text[], $9::text[], $10::bytea[], $11::bytea[], $12::bytea[])
             AS n (bucket, sub_id, seq, kind, how, at, person, said, salt, before, hash)
        """,
        app.id,
        [bucket_of(app, one.subscription_id) for one in records],
        [one.subscription_id for one in records],
        [one.seq for one in records],
        [one.act for one in records],
        [one.how for one in records],
        [one.at for one in records],
        [one.person for one in records],
        [msgspec.json.encode(one.said).decode() for one in records],
        [one.salt for one in records],
        [one.before for one in records],
        [one.hash for one in records],
    )


async def of_device(db: Queryable, app: App, subscription_id: int) -> list[ConsentRecord]:
    """Everything about one device, in order. Bounded: a device has at most `CONSENTS_PER_DEVICE_MAX` records."""
    rows = await db.fetch(
        """
        SELECT sub_id, seq, kind, how, at, person, said, salt, before, hash FROM consents
        WHERE app_id = $1 AND bucket = $2 AND sub_id = $3 ORDER BY seq
        """,
        app.id,
        bucket_of(app, subscription_id),
        subscription_id,
    )
    return [_record(row) for row in rows]


async def of_person(
    db: Queryable, app: App, names: Sequence[str], subscriptions: Sequence[int], *, limit: int
) -> list[ConsentRecord]:
    """Everything about a person under all of their names, of devices that they have and had (index consents_person)."""
    rows = await db.fetch(
        """
        SELECT sub_id, seq, kind, how, at, person, said, salt, before, hash FROM consents
        WHERE app_id = $1 AND bucket = ANY($2::smallint[])
          AND (person = ANY($3::text[]) OR (sub_id = ANY($4::bigint[]) AND person IS NULL))
        ORDER BY at, sub_id, seq LIMIT $5
        """,
        app.id,
        app.buckets,
        list(names),
        list(subscriptions),
        limit,
    )
    return [_record(row) for row in rows]


async def page(db: Queryable, app: App, after: tuple[int, int] | None, *, limit: int) -> list[ConsentRecord]:
    """Records of the whole app behind (device, number), in the order of the primary key."""
    device, seq = after or (-1, 0)
    rows = await db.fetch(
        """
        SELECT sub_id, seq, kind, how, at, person, said, salt, before, hash FROM consents
        WHERE app_id = $1 AND (bucket, sub_id, seq) > ($2, $3, $4) ORDER BY bucket, sub_id, seq LIMIT $5
        """,
        app.id,
        -1 if after is None else bucket_of(app, device),
        device,
        seq,
        limit,
    )
    return [_record(row) for row in rows]


async def forget(db: Queryable, app: App, names: Sequence[str], subscriptions: Sequence[int], *, limit: int) -> int:
    """Reduces so many of a person's records to their hashes; how many there were.

    What was said on their devices while nobody was logged in is theirs, unless the device has records of somebody else:
    nobody knows then whose it was, and it names nobody.
    """
    async with db.transaction() as tx:
        rows = await tx.fetch(
            """
            DELETE FROM consents WHERE app_id = $1 AND (bucket, sub_id, seq) IN
                (SELECT bucket, sub_id, seq FROM consents AS c
                  WHERE app_id = $1 AND bucket = ANY($2::smallint[])
                    AND (person = ANY($3::text[])
                         OR (sub_id = ANY($4::bigint[]) AND person IS NULL
                             AND NOT EXISTS (SELECT 1 FROM consents AS o
                                              WHERE o.app_id = $1 AND o.bucket = c.bucket AND o.sub_id = c.sub_id
                                                AND o.person <> ALL($3::text[]))))
                  LIMIT $5)
            RETURNING bucket, hash, kind, at
            """,
            app.id,
            app.buckets,
            list(names),
            list(subscriptions),
            limit,
        )
        if rows:
            await _keep_hashes(tx, app, rows)
    return len(rows)


async def _keep_hashes(db: Queryable, app: App, rows: Sequence[Record]) -> None:
    await db.execute(
        """
        INSERT INTO consent_remains (app_id, bucket, hash, kind, day)
        SELECT $1, bucket, hash, kind, day
        FROM unnest($2::smallint[], $3::bytea[], $4::smallint[], $5::date[]) AS n (bucket, hash, kind, day)
        ON CONFLICT DO NOTHING
        """,
        app.id,
        [row["bucket"] for row in rows],
        [row["hash"] for row in rows],
        [row["kind"] for row in rows],
        [row["at"].date() for row in rows],
    )


async def erased(db: Queryable, app: App, subscription_id: int, hashes: Sequence[bytes]) -> set[bytes]:
    """Which of these hashes are of records of the device's bucket that were erased."""
    rows = await db.fetch(
        "SELECT hash FROM consent_remains WHERE app_id = $1 AND bucket = $2 AND hash = ANY($3::bytea[])",
        app.id,
        bucket_of(app, subscription_id),
        list(hashes),
    )
    return {row["hash"] for row in rows}


async def withdraw(db: Queryable, app: App, hashes: Sequence[bytes]) -> None:
    """Notes that the owners of these addresses left."""
    keyed = sorted({(address_bucket_of(app, one), one) for one in hashes})
    await db.execute(
        """
        INSERT INTO withdrawals (app_id, bucket, hash)
        SELECT $1, bucket, hash FROM unnest($2::smallint[], $3::bytea[]) AS n (bucket, hash)
        ON CONFLICT (app_id, bucket, hash) DO UPDATE SET at = now()
        """,
        app.id,
        [bucket for bucket, _ in keyed],
        [hashed for _, hashed in keyed],
    )


async def has_withdrawn(db: Queryable, app: App, address_hash: bytes) -> datetime | None:
    """When the owner of this address left last, as far as that is remembered (`WITHDRAWALS_DAYS`)."""
    return await db.fetchval(
        "SELECT at FROM withdrawals WHERE app_id = $1 AND bucket = $2 AND hash = $3",
        app.id,
        address_bucket_of(app, address_hash),
        address_hash,
    )


def _record(row: Record) -> ConsentRecord:
    said: dict[str, Any] = row["said"]
    return ConsentRecord(
        subscription_id=row["sub_id"],
        seq=row["seq"],
        act=row["kind"],
        how=row["how"],
        at=row["at"],
        person=row["person"],
        said=said,
        salt=row["salt"],
        before=row["before"],
        hash=row["hash"],
    )
