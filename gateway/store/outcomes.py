"""What became of whom: one packed row per settled group, ids in order and a byte each (`model.delivery.Code`)."""

from collections.abc import Sequence
from datetime import date, datetime

import msgspec

from gateway.model.work import ChunkKey
from gateway.store.database import Queryable


class OutcomeRow(msgspec.Struct, frozen=True):
    """One settled group."""

    lo: int
    """The first id when it was settled."""
    at: datetime
    attempt: int
    ids: list[int]
    """In order; -1 in place of a device whose person was erased."""
    codes: bytes


async def insert_outcomes(db: Queryable, groups: Sequence[tuple[ChunkKey, date, int, list[int], bytes]]) -> None:
    """A row for each (chunk, day, category, ids, codes); runs in the transaction that moves the chunks' cursors."""
    await db.executemany(
        """
        INSERT INTO outcomes (app_id, bucket, day, msg_id, part, lo, hi, attempt, at, category, ids, codes)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now(), $9, $10, $11)
        """,
        [
            (key.app_id, key.bucket, day, key.message_id, key.part, ids[0], ids[-1], key.attempt, category, ids, codes)
            for key, day, category, ids, codes in groups
        ],
    )


async def of_message(
    db: Queryable,
    *,
    app_id: int,
    buckets: Sequence[int],
    message_id: int,
    day: date,
    start: tuple[int, int, int],
    limit: int,
) -> list[tuple[int, OutcomeRow]]:
    """A message's groups from (bucket, lo, attempt) on, each with its bucket."""
    rows = await db.fetch(
        """
        SELECT bucket, lo, at, attempt, ids, codes FROM outcomes
         WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND msg_id = $3 AND day = $4
           AND (bucket, lo, attempt) >= ($5, $6, $7)
         ORDER BY bucket, lo, attempt, at LIMIT $8
        """,
        app_id,
        list(buckets),
        message_id,
        day,
        *start,
        limit,
    )
    return [(row["bucket"], OutcomeRow(row["lo"], row["at"], row["attempt"], row["ids"], row["codes"])) for row in rows]


async def around(
    db: Queryable, *, app_id: int, bucket: int, message_id: int, day: date, lo: int, hi: int
) -> list[OutcomeRow]:
    """The groups of a message that may hold an id between `lo` and `hi`."""
    rows = await db.fetch(
        """
        SELECT lo, at, attempt, ids, codes FROM outcomes
         WHERE app_id = $1 AND bucket = $2 AND msg_id = $3 AND day = $4 AND lo <= $5 AND hi >= $6
        """,
        app_id,
        bucket,
        message_id,
        day,
        hi,
        lo,
    )
    return [OutcomeRow(row["lo"], row["at"], row["attempt"], row["ids"], row["codes"]) for row in rows]


async def of_recipient(
    db: Queryable, *, app_id: int, bucket: int, message_id: int, day: date, subscription_id: int
) -> list[OutcomeRow]:
    """The groups of a message that one device was in, latest attempt last."""
    rows = await db.fetch(
        """
        SELECT lo, at, attempt, ids, codes FROM outcomes
         WHERE app_id = $1 AND bucket = $2 AND msg_id = $3 AND day = $4 AND lo <= $5 AND hi >= $5
           AND ids @> ARRAY[$5::bigint]
         ORDER BY attempt, at
        """,
        app_id, bucket, message_id, day, subscription_id,
    )  # fmt: skip
    return [OutcomeRow(row["lo"], row["at"], row["attempt"], row["ids"], row["codes"]) for row in rows]
