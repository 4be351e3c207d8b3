"""What frequency caps stand on: the outcomes of the last days of a bucket, and the lease of the bucket.

Counting takes no writes and no bytes of its own: the outcomes that are kept anyway say who got what. The lease is
database time; `fence` tells its holder whether anybody else had the bucket since.
"""

from collections.abc import Sequence
from datetime import date, datetime

import msgspec

from gateway.model.limits import RECENT_ROWS_MAX
from gateway.store.database import Queryable


class RecentRow(msgspec.Struct, frozen=True):
    """One settled group, as caps look at it."""

    message_id: int
    lo: int
    attempt: int
    category: int
    at: datetime
    ids: list[int]
    codes: bytes


async def recent(
    db: Queryable, *, app_id: int, bucket: int, categories: Sequence[int], day: date, since: datetime
) -> list[RecentRow]:
    """What was settled in a bucket after `since`, of these categories, the latest first (index outcomes_recent).

    day: of the oldest message that may have anything so late.
    """
    rows = await db.fetch(
        """
        SELECT msg_id, lo, attempt, category, at, ids, codes FROM outcomes
         WHERE app_id = $1 AND bucket = $2 AND category = ANY($3::smallint[]) AND day >= $4 AND at > $5
         ORDER BY at DESC LIMIT $6
        """,
        app_id,
        bucket,
        list(categories),
        day,
        since,
        RECENT_ROWS_MAX,
    )
    return [RecentRow(*row) for row in rows]


async def take_bucket(db: Queryable, *, app_id: int, bucket: int, owner: int, lease_s: float) -> int | None:
    """Takes or prolongs the lease of a bucket; its fence, or None while another process has it."""
    return await db.fetchval(
        """
        INSERT INTO bucket_leases AS l (app_id, bucket, owner, fence, lease_until)
        VALUES ($1, $2, $3, 1, now() + $4 * interval '1 second')
        ON CONFLICT (app_id, bucket) DO UPDATE
           SET owner = excluded.owner, lease_until = excluded.lease_until,
               fence = l.fence + (l.owner <> excluded.owner)::int
         WHERE l.owner = excluded.owner OR l.lease_until <= now()
        RETURNING fence
        """,
        app_id,
        bucket,
        owner,
        lease_s,
    )


async def renew_buckets(
    db: Queryable, held: Sequence[tuple[int, int]], *, owner: int, lease_s: float
) -> set[tuple[int, int]]:
    """Prolongs the leases of (app, bucket) pairs that are still this process's and did not run out; which those are."""
    rows = await db.fetch(
        """
        UPDATE bucket_leases l SET lease_until = now() + $4 * interval '1 second'
          FROM unnest($1::int[], $2::smallint[]) AS held (app_id, bucket)
         WHERE l.app_id = held.app_id AND l.bucket = held.bucket AND l.owner = $3 AND l.lease_until >= now()
        RETURNING l.app_id, l.bucket
        """,
        [app_id for app_id, _ in held],
        [bucket for _, bucket in held],
        owner,
        lease_s,
    )
    return {(row["app_id"], row["bucket"]) for row in rows}


async def free_bucket(db: Queryable, *, app_id: int, bucket: int, owner: int) -> None:
    """Ends a lease of this process, so that others may have the bucket at once."""
    await db.execute(
        "UPDATE bucket_leases SET lease_until = now() WHERE app_id = $1 AND bucket = $2 AND owner = $3",
        app_id,
        bucket,
        owner,
    )


async def free_owned(db: Queryable, *, owner: int) -> None:
    """Ends all leases of a process that is known to be dead, or that stops."""
    await db.execute("UPDATE bucket_leases SET lease_until = now() WHERE owner = $1", owner)


async def prune(db: Queryable) -> int:
    """Forgets leases that nobody asked for in a day: no process remembers what it knew under them."""
    tag = await db.execute("DELETE FROM bucket_leases WHERE lease_until < now() - interval '1 day'")
    return int(tag.rpartition(" ")[2])
