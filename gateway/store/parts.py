"""Parts of a message: groups of its recipients that are due at moments of their own.

A part's people are written down, each in one list: who moves to another zone meanwhile is in no second list and is
missing from none. They are read as they are when it is their turn.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from gateway.model.audience import Audience
from gateway.model.limits import BEST_TIME_SAMPLE_MAX, ZONE_KEYS_MAX
from gateway.model.segment import Names
from gateway.model.work import Part, PlaceKey
from gateway.store.conditions import Condition
from gateway.store.database import Queryable

_HOURS: Final = 24


class PartList(msgspec.Struct, frozen=True):
    """A part on its way into the store. width: ids further apart than this are in different lists."""

    part: Part
    due_in_s: float
    width: int


async def plan_afresh(db: Queryable) -> None:
    """Until the end of the transaction, statements are planned for the very buckets that they name.

    A plan that is kept for any buckets reads through an index row by row: ten times as long for a whole app. And a
    message waits for its plan, so that a second process may help where tables are large.
    """
    await db.execute("SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL max_parallel_workers_per_gather = 1")


async def count_places(
    db: Queryable,
    *,
    app_id: int,
    buckets: Sequence[int],
    audience: Audience,
    names: Names,
    now: datetime,
    with_hours: bool,
) -> dict[PlaceKey, int]:
    """How many of an audience are where; the fewest are left out beyond `ZONE_KEYS_MAX` different places."""
    condition = Condition(first=5, names=names, now=now)
    where = condition.of(audience)
    rows = await db.fetch(
        "SELECT coalesce(timezone, facts->>'timezone', geo_timezone, '') AS zone,"
        "       coalesce(country, facts->>'country', '') AS country,"
        "       CASE WHEN $3 THEN coalesce(best_hour, -1) ELSE -1 END AS best_hour, count(*) AS recipients"
        "  FROM subscriptions WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND state = 0 AND "
        + where
        + " GROUP BY 1, 2, 3 ORDER BY 4 DESC LIMIT $4",
        app_id,
        list(buckets),
        with_hours,
        ZONE_KEYS_MAX,
        *condition.args,
    )
    return {PlaceKey(row["zone"], row["country"], row["best_hour"]): row["recipients"] for row in rows}


async def insert_lists(
    db: Queryable,
    *,
    app_id: int,
    buckets: Sequence[int],
    message_id: int,
    planned_at: datetime,
    audience: Audience,
    names: Names,
    parts: Sequence[PartList],
    with_hours: bool,
) -> None:
    """Writes each recipient into a list of the part of their place; ids of one list stand in any order.

    One pass over the audience: ids are random, and going bucket by bucket would fetch each page once for each row.
    """
    condition = Condition(first=14, names=names, now=planned_at)
    where = condition.of(audience)
    keys = [(key, one) for one in parts for key in one.part.keys]
    await db.execute(
        """
        INSERT INTO chunks (app_id, bucket, msg_id, part, lo, attempt, hi, cursor, ids, expected, due_at)
        SELECT $1, bucket, $3, part, min(id), 0, max(id), min(id) - 1, array_agg(id), count(*),
               now() + due_in_s * interval '1 second'
          FROM (SELECT s.bucket, s.id, coalesce(k.part, 0::smallint) AS part, coalesce(k.due_in_s, $11) AS due_in_s,
                       s.id / coalesce(k.width, $12) AS piece
                  FROM (SELECT bucket, id, coalesce(timezone, facts->>'timezone', geo_timezone, '') AS zone,
                               coalesce(country, facts->>'country', '') AS country,
                               CASE WHEN $13 THEN coalesce(best_hour, -1) ELSE -1 END AS best_hour
                          FROM subscriptions
                         WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND state = 0 AND enrolled_at <= $4 AND """
        + where
        + """) s
                  LEFT JOIN unnest($5::text[], $6::text[], $7::int[], $8::smallint[], $9::float8[], $10::bigint[])
                            AS k (zone, country, best_hour, part, due_in_s, width)
                       USING (zone, country, best_hour)) placed
         GROUP BY bucket, part, piece, due_in_s
        """,
        app_id,
        list(buckets),
        message_id,
        planned_at,
        [key.zone for key, _ in keys],
        [key.country for key, _ in keys],
        [key.best_hour for key, _ in keys],
        [one.part.number for _, one in keys],
        [one.due_in_s for _, one in keys],
        [one.width for _, one in keys],
        parts[0].due_in_s,
        parts[0].width,
        with_hours,
        *condition.args,
    )


async def hours_seen(db: Queryable, *, app_id: int, buckets: Sequence[int]) -> list[int]:
    """In which hours (of UTC) an app's people were seen: of some of those of whom it is known."""
    rows = await db.fetch(
        """
        SELECT hour, sum(get_byte(hours, hour))::bigint AS seen
          FROM (SELECT hours FROM subscriptions
                 WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND state = 0 AND best_hour IS NOT NULL
                 LIMIT $3) known CROSS JOIN generate_series(0, 23) AS hour
         GROUP BY hour
        """,
        app_id,
        list(buckets),
        BEST_TIME_SAMPLE_MAX,
    )
    seen = {row["hour"]: row["seen"] for row in rows}
    return [seen.get(hour, 0) for hour in range(_HOURS)]
