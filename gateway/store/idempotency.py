"""Answers that a repeated call gets again: one row per app and Idempotency-Key, kept for seven days.

A key is reserved before the work, and gets its answer after it. A call that died in between leaves a reservation
without an answer; a repetition of the same body may take it over after a minute. `reserved_at` is the fence: whoever
lost the reservation can no longer complete it.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from gateway.model.limits import IDEMPOTENCY_KEPT_DAYS, IDEMPOTENCY_TAKEOVER_S
from gateway.store.database import Queryable


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """Where a key lies: the app (0: the installation), the bucket of the key, the key."""

    app_id: int
    bucket: int
    key: str


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """What was kept for a key; `status` and `answer` are None while its call is being worked on."""

    request_hash: bytes
    status: int | None
    answer: bytes | None


async def reserve(db: Queryable, slot: Slot, *, request_hash: bytes) -> datetime | None:
    """When the key became ours; None when somebody has it (`find` tells who).

    Takes what expired, and what the same request reserved a minute ago without getting an answer.
    """
    return await db.fetchval(
        """
        INSERT INTO idempotency AS held (app_id, bucket, key, request_hash, expires_at)
        VALUES ($1, $2, $3, $4, now() + $5 * interval '1 day')
        ON CONFLICT (app_id, bucket, key) DO UPDATE
        SET request_hash = excluded.request_hash, status = NULL, answer = NULL, created_at = now(),
            expires_at = excluded.expires_at
        WHERE held.expires_at < now()
           OR (held.status IS NULL AND held.request_hash = excluded.request_hash
               AND held.created_at < now() - $6 * interval '1 second')
        RETURNING held.created_at
        """,
        slot.app_id,
        slot.bucket,
        slot.key,
        request_hash,
        IDEMPOTENCY_KEPT_DAYS,
        IDEMPOTENCY_TAKEOVER_S,
    )


async def find(db: Queryable, slot: Slot) -> Stored | None:
    """What is kept for a key and has not expired."""
    row = await db.fetchrow(
        """
        SELECT request_hash, status, answer FROM idempotency
        WHERE app_id = $1 AND bucket = $2 AND key = $3 AND expires_at >= now()
        """,
        slot.app_id,
        slot.bucket,
        slot.key,
    )
    return None if row is None else Stored(**dict(row))


async def complete(db: Queryable, slot: Slot, *, reserved_at: datetime, status: int, answer: bytes) -> bool:
    """Keeps the answer; False when the reservation was lost meanwhile."""
    tag = await db.execute(
        """
        UPDATE idempotency SET status = $5, answer = $6
        WHERE app_id = $1 AND bucket = $2 AND key = $3 AND created_at = $4 AND status IS NULL
        """,
        slot.app_id,
        slot.bucket,
        slot.key,
        reserved_at,
        status,
        answer,
    )
    return tag == "UPDATE 1"


async def release(db: Queryable, slot: Slot, *, reserved_at: datetime) -> None:
    """Gives a reservation back: nothing was made, and the call may be repeated at once."""
    await db.execute(
        """
        DELETE FROM idempotency
        WHERE app_id = $1 AND bucket = $2 AND key = $3 AND created_at = $4 AND status IS NULL
        """,
        slot.app_id,
        slot.bucket,
        slot.key,
        reserved_at,
    )


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """A key whose answer is known before the work is stored: both are written in one transaction."""

    bucket: int
    key: str
    request_hash: bytes
    answer: bytes


async def insert_answered(db: Queryable, *, app_id: int, rows: Sequence[Answered], status: int) -> set[str]:
    """Keeps keys together with their answers; the keys that were free, which are those whose work may be stored.

    Rows go in by key, so that two transactions with the same keys wait for each other in one order only.
    """
    ordered = sorted(rows, key=lambda row: row.key)
    found = await db.fetch(
        """
        INSERT INTO idempotency AS held (app_id, bucket, key, request_hash, status, answer, expires_at)
        SELECT $1, bucket, key, request_hash, $2, answer, now() + $3 * interval '1 day'
          FROM unnest($4::smallint[], $5::text[], $6::bytea[], $7::bytea[]) AS r (bucket, key, request_hash, answer)
        ON CONFLICT (app_id, bucket, key) DO UPDATE
        SET request_hash = excluded.request_hash, status = excluded.status, answer = excluded.answer,
            created_at = now(), expires_at = excluded.expires_at
        WHERE held.expires_at < now()
        RETURNING key
        """,
        app_id,
        status,
        IDEMPOTENCY_KEPT_DAYS,
        [row.bucket for row in ordered],
        [row.key for row in ordered],
        [row.request_hash for row in ordered],
        [row.answer for row in ordered],
    )
    return {row["key"] for row in found}
