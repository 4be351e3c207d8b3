"""Experiments: what is to be decided and when, the winner once there is one, and those who wait for it."""

from collections.abc import Sequence
from datetime import date, datetime

import msgspec

from gateway.model.ids import bucket_of_message
from gateway.model.work import REST_PARTS_FROM
from gateway.store.database import Queryable, Record


class StoredExperiment(msgspec.Struct, frozen=True, kw_only=True):
    """An experiment under way or over. `winner`: the place of the variant."""

    app_id: int
    message_id: int
    decide_at: datetime | None
    expires_at: datetime
    winner: int | None
    decided_by: str | None
    decided_at: datetime | None


async def insert(
    db: Queryable, *, app_id: int, message_id: int, begins_in_s: float, after_s: int | None, expires_at: datetime
) -> None:
    """Remembers what is to be decided so long after the first of its people's turn, or by hand (`after_s` None).

    Once, however often it is planned.
    """
    await db.execute(
        "INSERT INTO experiments (app_id, bucket, msg_id, decide_at, expires_at)"
        " VALUES ($1, $2, $3, now() + $4::float8 * interval '1 second', $5) ON CONFLICT DO NOTHING",
        app_id,
        bucket_of_message(message_id),
        message_id,
        None if after_s is None else begins_in_s + after_s,
        expires_at,
    )


async def get(db: Queryable, *, app_id: int, message_id: int) -> StoredExperiment | None:
    """The experiment of a message, once it is planned."""
    row = await db.fetchrow(
        "SELECT app_id, msg_id AS message_id, decide_at, expires_at, winner, decided_by, decided_at FROM experiments"
        " WHERE app_id = $1 AND bucket = $2 AND msg_id = $3",
        app_id,
        bucket_of_message(message_id),
        message_id,
    )
    return None if row is None else _experiment(row)


async def winner(db: Queryable, *, app_id: int, message_id: int) -> int | None:
    """The winner's place, if there is one."""
    return await db.fetchval(
        "SELECT winner FROM experiments WHERE app_id = $1 AND bucket = $2 AND msg_id = $3",
        app_id,
        bucket_of_message(message_id),
        message_id,
    )


async def due(db: Queryable, *, limit: int) -> list[StoredExperiment]:
    """Experiments of all apps that are to be decided or released, the longest due first (index experiments_open)."""
    rows = await db.fetch(
        "SELECT app_id, msg_id AS message_id, decide_at, expires_at, winner, decided_by, decided_at FROM experiments"
        " WHERE released_at IS NULL AND (least(decide_at, expires_at) <= now() OR winner IS NOT NULL)"
        " ORDER BY least(decide_at, expires_at) LIMIT $1",
        limit,
    )
    return [_experiment(row) for row in rows]


async def decide(db: Queryable, *, app_id: int, message_id: int, winner: int, by: str) -> bool:
    """Sets the winner, once; whether it was this call."""
    tag = await db.execute(
        "UPDATE experiments SET winner = $4, decided_by = $5, decided_at = now()"
        " WHERE app_id = $1 AND bucket = $2 AND msg_id = $3 AND winner IS NULL AND released_at IS NULL",
        app_id,
        bucket_of_message(message_id),
        message_id,
        winner,
        by,
    )
    return tag == "UPDATE 1"


async def prolong(db: Queryable, *, app_id: int, message_id: int, to: datetime) -> None:
    """The message lives longer than was known when it was planned, and so may wait longer for a winner."""
    await db.execute(
        "UPDATE experiments SET expires_at = $4 WHERE app_id = $1 AND bucket = $2 AND msg_id = $3",
        app_id,
        bucket_of_message(message_id),
        message_id,
        to,
    )


async def put_off(
    db: Queryable, *, app_id: int, message_id: int, decide_at: datetime | None, expires_at: datetime
) -> None:
    """Its message goes out later, and so is decided later, unless it was already. None: by hand, as before."""
    await db.execute(
        """
        UPDATE experiments
           SET decide_at = CASE WHEN decide_at IS NOT NULL THEN greatest(decide_at, $4) END,
               expires_at = greatest(expires_at, $5)
         WHERE app_id = $1 AND bucket = $2 AND msg_id = $3 AND winner IS NULL AND released_at IS NULL
        """,
        app_id,
        bucket_of_message(message_id),
        message_id,
        decide_at,
        expires_at,
    )


async def mark_released(db: Queryable, *, app_id: int, message_id: int) -> None:
    """Nobody waits for it any more."""
    await db.execute(
        "UPDATE experiments SET released_at = now()"
        " WHERE app_id = $1 AND bucket = $2 AND msg_id = $3 AND released_at IS NULL",
        app_id,
        bucket_of_message(message_id),
        message_id,
    )


async def add_rest(db: Queryable, *, app_id: int, buckets: Sequence[int], message_id: int) -> None:
    """Behind each chunk of the plan one for those who wait, in the transaction of the plan; once.

    It covers the same people and is due a thousand years after it. It counts no audience of its own (attempt 1, as
    those to be tried again): whoever waits was counted with the plan.
    """
    await db.execute(
        """
        INSERT INTO chunks (app_id, bucket, msg_id, part, lo, attempt, hi, cursor, ids, strikes, expected, hold, due_at)
        SELECT app_id, bucket, msg_id, part + $4::smallint, lo, 1, hi, lo - 1, ids, 0, 0, hold,
               due_at + interval '1000 years'
          FROM chunks
         WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND msg_id = $3 AND part < $4 AND attempt = 0
        ON CONFLICT DO NOTHING
        """,
        app_id,
        list(buckets),
        message_id,
        REST_PARTS_FROM,
    )


async def release_rest(db: Queryable, *, app_id: int, buckets: Sequence[int], message_id: int, wait_s: float) -> None:
    """Lets those who wait go on, each at the hour of the plan, or at once where that is over. May be done again.

    wait_s: nobody sooner, as the message was put off.
    """
    await db.execute(
        """
        UPDATE chunks SET due_at = GREATEST(now() + $5 * interval '1 second', due_at - interval '1000 years')
         WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND msg_id = $3 AND part >= $4 AND state = 0
           AND due_at > now() + interval '500 years'
        """,
        app_id,
        list(buckets),
        message_id,
        REST_PARTS_FROM,
        wait_s,
    )


async def tested(
    db: Queryable, *, app_id: int, bucket: int, message_id: int, day: date, lo: int, hi: int
) -> dict[int, int]:
    """Of the ids in a range those that the experiment itself was settled with, and their codes."""
    rows = await db.fetch(
        "SELECT ids, codes FROM outcomes WHERE app_id = $1 AND bucket = $2 AND msg_id = $3 AND day = $4 AND lo <= $5"
        " AND hi >= $6 AND part < $7",
        app_id,
        bucket,
        message_id,
        day,
        hi,
        lo,
        REST_PARTS_FROM,
    )
    return {number: code for row in rows for number, code in zip(row["ids"], row["codes"], strict=True)}


async def converted(
    db: Queryable, *, app_id: int, bucket: int, event: str, since_s: float, after: int, limit: int
) -> list[tuple[int, str]]:
    """(device, person) of those who did something since then, behind an id, by what their devices' rows say."""
    rows = await db.fetch(
        """
        SELECT id, person FROM subscriptions
         WHERE app_id = $1 AND bucket = $2 AND state = 0 AND id > $3 AND person IS NOT NULL
           AND (facts->'events'->$4->>'last')::float8 >= $5
         ORDER BY id LIMIT $6
        """,
        app_id,
        bucket,
        after,
        event,
        since_s,
        limit,
    )
    return [(row["id"], row["person"]) for row in rows]


def _experiment(row: Record) -> StoredExperiment:
    return StoredExperiment(**dict(row))
