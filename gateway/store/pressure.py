"""What frequency caps stand on: the outcomes of the last days, and leases of stretches of buckets.

Counting takes no writes and no bytes of its own: the outcomes that are kept anyway say who got what. The lease is
database time; `fence` tells its holder whether anybody else had the stretch since.
"""

from collections.abc import Sequence
from datetime import date, datetime

import msgspec

from gateway.model.limits import RECENT_ROWS_MAX, TORN_ROWS_MAX, TORN_SOON_S
from gateway.store.database import Queryable, affected


class RecentRow(msgspec.Struct, frozen=True):
    """One settled group, as caps look at it."""

    message_id: int
    lo: int
    attempt: int
    category: int
    at: datetime
    ids: list[int]
    codes: bytes


class Came(msgspec.Struct, frozen=True):
    """A message that came to many of a stretch, or to one of it `alone`."""

    message_id: int
    alone: int | None
    at: datetime


class Since(msgspec.Struct, frozen=True):
    """What is asked for: outcomes of these categories, settled after `moment`.

    day: of the oldest message that may have anything so late.
    """

    categories: Sequence[int]
    moment: datetime
    day: date


async def recent(db: Queryable, place: tuple[int, int], ids: tuple[int, int], since: Since) -> list[RecentRow]:
    """What was settled in a place (app, bucket), from one id to another, the latest first (index outcomes_lately)."""
    rows = await db.fetch(
        """
        SELECT msg_id, lo, attempt, category, at, ids, codes FROM outcomes
         WHERE app_id = $1 AND bucket = $2 AND category = ANY($3::smallint[]) AND at > $5
           AND day BETWEEN $4 AND (now() AT TIME ZONE 'UTC')::date
           AND lo <= $8 AND hi >= $7
         ORDER BY at DESC LIMIT $6
        """,
        *place,
        list(since.categories),
        since.day,
        since.moment,
        RECENT_ROWS_MAX,
        *ids,
    )
    return [RecentRow(*row) for row in rows]


async def came(db: Queryable, place: tuple[int, int], ids: tuple[int, int], since: Since) -> list[Came]:
    """Which messages came to them, each with its last time there: the rows of `recent`, from the index alone."""
    rows = await db.fetch(
        """
        SELECT msg_id, CASE WHEN lo = hi THEN lo END AS alone, max(at) AS at FROM outcomes
         WHERE app_id = $1 AND bucket = $2 AND category = ANY($3::smallint[]) AND at > $5
           AND day BETWEEN $4 AND (now() AT TIME ZONE 'UTC')::date
           AND lo <= $8 AND hi >= $7
         GROUP BY 1, 2 LIMIT $6
        """,
        *place,
        list(since.categories),
        since.day,
        since.moment,
        RECENT_ROWS_MAX,
        *ids,
    )
    return [Came(*row) for row in rows]


async def torn(db: Queryable, key: tuple[int, int, int], ids: tuple[int, int]) -> list[tuple[int, int, int]]:
    """What the dead left between two ids, if it goes on soon: messages, each with the ids behind and up to which.

    By (app, bucket, stretch); indexes chunks_torn and, for those whose lease has run out this moment, chunks_leased.
    """
    rows = await db.fetch(
        """
        SELECT msg_id, cursor, hi FROM chunks
         WHERE app_id = $1 AND bucket = $2 AND torn > 0 AND state < 2 AND hold = 0 AND cursor < $4 AND hi >= $3
           AND due_at < now() + $5 * interval '1 second'
        UNION ALL
        SELECT msg_id, cursor, hi FROM chunks
         WHERE app_id = $1 AND bucket = $2 AND state = 1 AND lease_until < now() AND hold = 0 AND cursor < $4
           AND hi >= $3
         LIMIT $6
        """,
        *key[:2],
        *ids,
        TORN_SOON_S,
        TORN_ROWS_MAX,
    )
    return [(row["msg_id"], row["cursor"], row["hi"]) for row in rows]


async def take(db: Queryable, key: tuple[int, int, int], *, owner: int, lease_s: float) -> int | None:
    """Takes or prolongs a lease, by (app, bucket, stretch); its fence, or None while another process has it."""
    return await db.fetchval(
        """
        INSERT INTO stretch_leases AS l (app_id, bucket, stretch, owner, fence, lease_until)
        VALUES ($1, $2, $3, $4, 1, now() + $5 * interval '1 second')
        ON CONFLICT (app_id, bucket, stretch) DO UPDATE
           SET owner = excluded.owner, lease_until = excluded.lease_until,
               fence = l.fence + (l.owner <> excluded.owner)::int
         WHERE l.owner = excluded.owner OR l.lease_until <= now()
        RETURNING fence
        """,
        *key,
        owner,
        lease_s,
    )


async def renew(
    db: Queryable, held: Sequence[tuple[int, int, int]], *, owner: int, lease_s: float
) -> set[tuple[int, int, int]]:
    """Prolongs leases that are still this process's and did not run out; which those are."""
    rows = await db.fetch(
        """
        UPDATE stretch_leases l SET lease_until = now() + $5 * interval '1 second'
          FROM unnest($1::int[], $2::smallint[], $3::smallint[]) AS held (app_id, bucket, stretch)
         WHERE l.app_id = held.app_id AND l.bucket = held.bucket AND l.stretch = held.stretch
           AND l.owner = $4 AND l.lease_until >= now()
        RETURNING l.app_id, l.bucket, l.stretch
        """,
        [app_id for app_id, _, _ in held],
        [bucket for _, bucket, _ in held],
        [stretch for _, _, stretch in held],
        owner,
        lease_s,
    )
    return {(row["app_id"], row["bucket"], row["stretch"]) for row in rows}


async def free(db: Queryable, held: Sequence[tuple[int, int, int]], *, owner: int) -> None:
    """Ends leases of this process, so that others may have the stretches at once."""
    await db.execute(
        """
        UPDATE stretch_leases l SET lease_until = now()
          FROM unnest($1::int[], $2::smallint[], $3::smallint[]) AS held (app_id, bucket, stretch)
         WHERE l.app_id = held.app_id AND l.bucket = held.bucket AND l.stretch = held.stretch AND l.owner = $4
        """,
        [app_id for app_id, _, _ in held],
        [bucket for _, bucket, _ in held],
        [stretch for _, _, stretch in held],
        owner,
    )


async def free_owned(db: Queryable, *, owner: int) -> None:
    """Ends all leases of a process that is known to be dead, or that stops."""
    await db.execute("UPDATE stretch_leases SET lease_until = now() WHERE owner = $1", owner)


async def prune(db: Queryable) -> int:
    """Forgets leases that nobody asked for in a day: no process remembers what it knew under them."""
    tag = await db.execute("DELETE FROM stretch_leases WHERE lease_until < now() - interval '1 day'")
    return affected(tag)
