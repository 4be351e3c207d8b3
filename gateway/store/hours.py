"""In which hours of the day people are there: 24 bytes on each of their devices, and the hour with the most."""

from collections.abc import Mapping

from gateway.model.limits import BEST_TIME_SEEN_MIN
from gateway.store.database import Queryable


async def add(db: Queryable, *, app_id: int, seen: Mapping[tuple[int, int], int]) -> None:
    """Counts one visit of each device ((bucket, id) -> hour of UTC); a count ends at 255."""
    ordered = sorted(seen)
    await db.execute(
        """
        UPDATE subscriptions s
           SET (hours, best_hour) = (
               SELECT added, CASE WHEN (SELECT sum(get_byte(added, h)) FROM generate_series(0, 23) h) >= $5
                                  THEN (SELECT h FROM generate_series(0, 23) h
                                         ORDER BY get_byte(added, h) DESC, h LIMIT 1)::smallint END
                 FROM (SELECT set_byte(held, seen.hour, least(get_byte(held, seen.hour) + 1, 255)) AS added
                         FROM (SELECT coalesce(s.hours, decode(repeat('00', 24), 'hex')) AS held) before) after)
          FROM unnest($2::smallint[], $3::bigint[], $4::int[]) AS seen (bucket, id, hour)
         WHERE s.app_id = $1 AND s.bucket = ANY($2::smallint[]) AND s.bucket = seen.bucket AND s.id = seen.id
           AND s.state = 0
        """,
        app_id,
        [bucket for bucket, _ in ordered],
        [number for _, number in ordered],
        [seen[one] for one in ordered],
        BEST_TIME_SEEN_MIN,
    )
