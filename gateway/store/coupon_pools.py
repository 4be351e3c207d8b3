"""Pools of coupon codes. Outside they go by their slug, inside by a small random number."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from gateway.model.coupon import Pool
from gateway.store.database import Queryable, Record

_NUMBER_BITS: Final = 31


async def insert(
    db: Queryable,
    *,
    app_id: int,
    slug: str,
    name: str,
    expires_at: datetime | None,
    low_at: int | None,
    total_max: int,
) -> Pool | None:
    """A new pool; None where the slug is taken, or the app has as many as it may have."""
    row = await db.fetchrow(
        """
        INSERT INTO coupon_pools (app_id, id, slug, name, expires_at, low_at)
        SELECT $1::int, $2::int, $3::text, $4::text, $5::timestamptz, $6::int
         WHERE (SELECT count(*) FROM coupon_pools WHERE app_id = $1 AND deleted_at IS NULL) < $7::int
        ON CONFLICT DO NOTHING
        RETURNING app_id, id, slug, name, expires_at, low_at, low_told_at, created_at
        """,
        app_id,
        secrets.randbits(_NUMBER_BITS),
        slug,
        name,
        expires_at,
        low_at,
        total_max,
    )
    return None if row is None else _pool(row)


async def by_slug(db: Queryable, *, app_id: int, slug: str) -> Pool | None:
    """The pool of this name (index coupon_pools_slug)."""
    row = await db.fetchrow(
        "SELECT app_id, id, slug, name, expires_at, low_at, low_told_at, created_at FROM coupon_pools"
        " WHERE app_id = $1 AND slug = $2 AND deleted_at IS NULL",
        app_id,
        slug,
    )
    return None if row is None else _pool(row)


async def list_of_app(db: Queryable, *, app_id: int) -> list[Pool]:
    """Every pool of the app by its slug; at most `COUPON_POOLS_PER_APP_MAX`."""
    rows = await db.fetch(
        "SELECT app_id, id, slug, name, expires_at, low_at, low_told_at, created_at FROM coupon_pools"
        " WHERE app_id = $1 AND deleted_at IS NULL ORDER BY slug",
        app_id,
    )
    return [_pool(row) for row in rows]


async def change(
    db: Queryable, *, app_id: int, pool_id: int, name: str, expires_at: datetime | None, low_at: int | None
) -> bool:
    """Sets what may be changed of a pool; False when it is not there. A new threshold may sound its alarm anew."""
    tag = await db.execute(
        "UPDATE coupon_pools SET name = $3, expires_at = $4, low_at = $5::int,"
        " low_told_at = CASE WHEN low_at IS NOT DISTINCT FROM $5::int THEN low_told_at END"
        " WHERE app_id = $1 AND id = $2 AND deleted_at IS NULL",
        app_id,
        pool_id,
        name,
        expires_at,
        low_at,
    )
    return tag == "UPDATE 1"


async def mark_deleted(db: Queryable, *, app_id: int, slug: str) -> bool:
    """Takes the pool out of use; False when there is none. Its codes go in small steps."""
    tag = await db.execute(
        "UPDATE coupon_pools SET deleted_at = now() WHERE app_id = $1 AND slug = $2 AND deleted_at IS NULL",
        app_id,
        slug,
    )
    return tag == "UPDATE 1"


async def deleted(db: Queryable, *, limit: int) -> list[tuple[int, int]]:
    """(app, pool) of pools whose codes are still to be deleted (index coupon_pools_deleted)."""
    rows = await db.fetch(
        "SELECT app_id, id FROM coupon_pools WHERE deleted_at IS NOT NULL ORDER BY app_id, id LIMIT $1", limit
    )
    return [(row["app_id"], row["id"]) for row in rows]


async def forget(db: Queryable, *, app_id: int, pool_id: int) -> None:
    """Ends a pool that was deleted and holds no codes any more."""
    await db.execute(
        "DELETE FROM coupon_pools WHERE app_id = $1 AND id = $2 AND deleted_at IS NOT NULL", app_id, pool_id
    )


async def watched(db: Queryable, *, after: tuple[int, int], limit: int) -> list[Pool]:
    """Pools with an alarm, behind (app, pool) (index coupon_pools_watched)."""
    rows = await db.fetch(
        "SELECT app_id, id, slug, name, expires_at, low_at, low_told_at, created_at FROM coupon_pools"
        " WHERE low_at IS NOT NULL AND deleted_at IS NULL AND (app_id, id) > ($1, $2) ORDER BY app_id, id LIMIT $3",
        *after,
        limit,
    )
    return [_pool(row) for row in rows]


async def note_low(db: Queryable, *, app_id: int, pool_id: int, is_low: bool) -> bool:
    """Remembers that the alarm was given, or that the pool was filled again; whether this call was the one."""
    tag = await db.execute(
        "UPDATE coupon_pools SET low_told_at = CASE WHEN $3 THEN now() END"
        " WHERE app_id = $1 AND id = $2 AND (low_told_at IS NULL) = $3",
        app_id,
        pool_id,
        is_low,
    )
    return tag == "UPDATE 1"


async def names_of(db: Queryable, *, app_id: int, ids: Sequence[int]) -> dict[int, Pool]:
    """Pools by their number, as far as they are there."""
    rows = await db.fetch(
        "SELECT app_id, id, slug, name, expires_at, low_at, low_told_at, created_at FROM coupon_pools"
        " WHERE app_id = $1 AND id = ANY($2::int[]) AND deleted_at IS NULL",
        app_id,
        list(ids),
    )
    return {row["id"]: _pool(row) for row in rows}


def _pool(row: Record) -> Pool:
    return Pool(**dict(row))
