"""Who was ever reached: what outcomes of the last weeks say of a few devices. Asked rarely, see `policy.inquiry`."""

from collections.abc import Sequence
from typing import Final

from gateway.model.ids import bucket_of_id
from gateway.model.limits import INQUIRY_DAYS, INQUIRY_GROUPS
from gateway.store.database import Queryable

_CAMPAIGNS: Final = 1
"""`policy.caps.Kind.MARKETING`, by its number in the table."""


async def spread_of(db: Queryable, app_id: int) -> tuple[int, int] | None:
    """Where an app's rows lie: its home bucket, and over how many they are spread; None when it is gone."""
    row = await db.fetchrow("SELECT home, spread FROM apps WHERE id = $1 AND deleted_at IS NULL", app_id)
    return None if row is None else (row["home"], row["spread"])


async def those_reached(db: Queryable, *, app_id: int, home: int, spread: int, devices: Sequence[int]) -> set[int]:
    """Those of these devices that a push service took something for (indexes outcomes_one, outcomes_lately)."""
    buckets = [bucket_of_id(one, home=home, spread=spread) for one in devices]
    rows = await db.fetch(
        """
        SELECT n.id FROM unnest($2::smallint[], $3::bigint[]) AS n (bucket, id)
         WHERE EXISTS (SELECT FROM outcomes o
                        WHERE o.app_id = $1 AND o.bucket = ANY($2::smallint[]) AND o.bucket = n.bucket AND o.lo = n.id
                          AND o.hi = o.lo AND o.day > (now() AT TIME ZONE 'UTC')::date - $4::int
                          AND get_byte(o.codes, 0) BETWEEN 10 AND 19)
            OR EXISTS (SELECT FROM outcomes o
                        WHERE o.app_id = $1 AND o.bucket = ANY($2::smallint[]) AND o.bucket = n.bucket
                          AND o.category = $5
                          AND o.day > (now() AT TIME ZONE 'UTC')::date - $4::int AND o.lo <= n.id AND o.hi >= n.id
                          AND o.ids @> ARRAY[n.id]
                          AND get_byte(o.codes, array_position(o.ids, n.id) - 1) BETWEEN 10 AND 19)
        """,
        app_id,
        buckets,
        list(devices),
        INQUIRY_DAYS,
        _CAMPAIGNS,
    )
    return {row["id"] for row in rows}


async def is_anybody_reached(db: Queryable, *, app_id: int, buckets: Sequence[int], credential_id: int) -> bool:
    """Whether somebody in the latest groups of these buckets was reached with this credential."""
    return await db.fetchval(
        """
        WITH latest AS MATERIALIZED (
            SELECT bucket, ids, codes FROM outcomes
             WHERE app_id = $1 AND bucket = ANY($2::smallint[])
               AND day > (now() AT TIME ZONE 'UTC')::date - $4::int
               AND position('\\x0a'::bytea IN codes) > 0
             ORDER BY day DESC, at DESC LIMIT $5)
        SELECT EXISTS (
            SELECT FROM latest l CROSS JOIN LATERAL unnest(l.ids) WITH ORDINALITY AS n (id, place)
              JOIN subscriptions s ON s.app_id = $1 AND s.bucket = l.bucket AND s.bucket = ANY($2::smallint[])
                                  AND s.id = n.id AND s.credential_id = $3
             WHERE get_byte(l.codes, n.place::int - 1) BETWEEN 10 AND 19)
        """,
        app_id,
        list(buckets),
        credential_id,
        INQUIRY_DAYS,
        INQUIRY_GROUPS,
    )
