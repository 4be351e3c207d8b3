"""Clears the numbers of lists that are no more from the rows that hold them, a step at a time."""

from gateway.model.ids import buckets_of_app
from gateway.model.limits import PRUNE_ROWS
from gateway.store.database import Queryable, Record, affected


async def clear(db: Queryable) -> int:
    """One step for the number that was given up first; how many rows it saw to, 0 when none is left."""
    remains = await db.fetchrow(
        """
        SELECT r.app_id, r.number, a.home, a.spread FROM list_remains AS r JOIN apps AS a ON a.id = r.app_id
        WHERE r.clear_after < now() ORDER BY r.clear_after LIMIT 1
        """
    )
    if remains is None:
        return 0
    buckets = buckets_of_app(home=remains["home"], spread=remains["spread"])
    for step in (_persons, _copies, _devices):
        cleared = await step(db, remains, buckets)
        if cleared:
            return cleared
    await db.execute("DELETE FROM list_remains WHERE app_id = $1 AND number = $2", remains["app_id"], remains["number"])
    return 1


async def _persons(db: Queryable, remains: Record, buckets: list[int]) -> int:
    """People first: whoever attaches a device copies from them (index persons_lists)."""
    tag = await db.execute(
        """
        UPDATE persons SET lists = nullif(array_remove(lists, $3::int), '{}')
        WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND (bucket, person) IN
            (SELECT bucket, person FROM persons
              WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND lists IS NOT NULL AND lists @> ARRAY[$3::int]
              LIMIT $4)
        """,
        remains["app_id"],
        buckets,
        remains["number"],
        PRUNE_ROWS,
    )
    return _count(tag)


async def _copies(db: Queryable, remains: Record, buckets: list[int]) -> int:
    """What devices have of their people (index subscriptions_person_lists)."""
    tag = await db.execute(
        """
        UPDATE subscriptions SET person_lists = nullif(array_remove(person_lists, $3::int), '{}')
        WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND (bucket, id) IN
            (SELECT bucket, id FROM subscriptions
              WHERE app_id = $1 AND bucket = ANY($2::smallint[])
                AND person_lists IS NOT NULL AND person_lists @> ARRAY[$3::int] LIMIT $4)
        """,
        remains["app_id"],
        buckets,
        remains["number"],
        PRUNE_ROWS,
    )
    return _count(tag)


async def _devices(db: Queryable, remains: Record, buckets: list[int]) -> int:
    """Devices that were named themselves (index subscriptions_lists)."""
    tag = await db.execute(
        """
        UPDATE subscriptions SET lists = nullif(array_remove(lists, $3::int), '{}')
        WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND (bucket, id) IN
            (SELECT bucket, id FROM subscriptions
              WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND lists IS NOT NULL AND lists @> ARRAY[$3::int]
              LIMIT $4)
        """,
        remains["app_id"],
        buckets,
        remains["number"],
        PRUNE_ROWS,
    )
    return _count(tag)


def _count(tag: str) -> int:
    return affected(tag)
