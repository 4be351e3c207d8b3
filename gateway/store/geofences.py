"""Geofences of apps, and which of them a device is in. Positions are not stored here."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from gateway.model.app import App
from gateway.model.ids import new_id
from gateway.model.limits import PRUNE_ROWS
from gateway.model.place import Area, Fence, Near
from gateway.store.database import Queryable, affected
from gateway.store.subscriptions import bucket_of


class _Shape(msgspec.Struct, frozen=True, omit_defaults=True):
    near: Near | None = None
    within: Area | None = None


class Visits(msgspec.Struct, frozen=True):
    """The numbers of the geofences that a device is in, and when that changed."""

    fences: frozenset[int]
    changed_at: datetime | None


async def list_of_app(db: Queryable, app_id: int) -> list[Fence]:
    """Every geofence of the app by its slug; at most `FENCES_PER_APP_MAX`."""
    rows = await db.fetch(
        "SELECT id, slug, shape, created_at FROM geofences WHERE app_id = $1 ORDER BY slug",
        app_id,
    )
    shapes = [msgspec.convert(row["shape"], _Shape) for row in rows]
    return [
        Fence(id=row["id"], slug=row["slug"], near=shape.near, within=shape.within, created_at=row["created_at"])
        for row, shape in zip(rows, shapes, strict=True)
    ]


async def insert(
    db: Queryable, app_id: int, slug: str, *, near: Near | None, within: Area | None, total_max: int
) -> Fence | None:
    """The new geofence; None when the slug is taken, or the app has as many as it may have."""
    number = new_id()
    row = await db.fetchrow(
        """
        INSERT INTO geofences (app_id, id, slug, shape)
        SELECT $1::int, $2, $3, $4::jsonb
        WHERE (SELECT count(*) FROM geofences WHERE app_id = $1) < $5::int
        ON CONFLICT DO NOTHING
        RETURNING created_at
        """,
        app_id,
        number,
        slug,
        msgspec.to_builtins(_Shape(near, within)),
        total_max,
    )
    if row is None:
        return None
    return Fence(id=number, slug=slug, near=near, within=within, created_at=row["created_at"])


async def delete(db: Queryable, app_id: int, slug: str) -> bool:
    """Takes the geofence out; False when there is none. Devices that are in it keep its number, which means nothing."""
    return await db.execute("DELETE FROM geofences WHERE app_id = $1 AND slug = $2", app_id, slug) == "DELETE 1"


async def visits_of(db: Queryable, app: App, subscription_id: int) -> Visits:
    """Which geofences a device is in, as far as it said."""
    row = await db.fetchrow(
        "SELECT fences, fenced_at FROM subscriptions WHERE app_id = $1 AND bucket = $2 AND id = $3",
        app.id,
        bucket_of(app, subscription_id),
        subscription_id,
    )
    return Visits(frozenset(), None) if row is None else Visits(frozenset(row["fences"] or ()), row["fenced_at"])


async def set_visits(
    db: Queryable, app: App, subscription_id: int, inside: Sequence[int], *, was_changed_at: datetime | None
) -> bool:
    """Notes where a device is now; False when somebody else noted another move since `was_changed_at`."""
    tag = await db.execute(
        """
        UPDATE subscriptions SET fences = nullif($4::bigint[], '{}'), fenced_at = now()
        WHERE app_id = $1 AND bucket = $2 AND id = $3 AND fenced_at IS NOT DISTINCT FROM $5
        """,
        app.id,
        bucket_of(app, subscription_id),
        subscription_id,
        list(inside),
        was_changed_at,
    )
    return tag == "UPDATE 1"


async def forget_old_visits(db: Queryable, *, days: int) -> int:
    """One step of forgetting where devices were so long ago (index subscriptions_fenced); how many."""
    tag = await db.execute(
        """
        UPDATE subscriptions s SET fences = NULL, fenced_at = NULL
          FROM (SELECT o.app_id, o.bucket, o.id FROM subscriptions o
                 WHERE o.fenced_at < now() - $1 * interval '1 day'
                 ORDER BY o.fenced_at LIMIT $2 FOR UPDATE OF o SKIP LOCKED) old
         WHERE s.app_id = old.app_id AND s.bucket = old.bucket AND s.id = old.id
        """,
        days,
        PRUNE_ROWS,
    )
    return affected(tag)
