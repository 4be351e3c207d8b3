"""Visitors: browsers that read the inbox and have no push address. In the bucket of their id, as devices are."""

from collections.abc import Sequence
from datetime import datetime

from gateway.model.app import App
from gateway.model.inbox import Visitor
from gateway.model.limits import PRUNE_ROWS, VISITOR_DAYS
from gateway.store.database import Queryable, Record, affected
from gateway.store.subscriptions import bucket_of


async def insert(db: Queryable, app: App, visitor: Visitor) -> None:
    """Adds one."""
    await db.execute(
        """
        INSERT INTO visitors (app_id, bucket, id, secret_hash, locale, timezone, country, region, city, platform,
                              created_at, seen_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)
        """,
        app.id,
        bucket_of(app, visitor.id),
        visitor.id,
        visitor.secret_hash,
        visitor.locale,
        visitor.timezone,
        visitor.country,
        visitor.region,
        visitor.city,
        visitor.platform,
        visitor.created_at,
    )


async def get(db: Queryable, app: App, visitor_id: int) -> Visitor | None:
    """One visitor."""
    row = await db.fetchrow(
        """
        SELECT id, secret_hash, person, locale, timezone, country, region, city, platform, created_at, seen_at
        FROM visitors WHERE app_id = $1 AND bucket = $2 AND id = $3
        """,
        app.id,
        bucket_of(app, visitor_id),
        visitor_id,
    )
    return None if row is None else _visitor(row)


async def of_person(db: Queryable, app: App, names: Sequence[str]) -> list[Visitor]:
    """The visitors that are one of these people, the latest seen first (index visitors_person)."""
    rows = await db.fetch(
        """
        SELECT id, secret_hash, person, locale, timezone, country, region, city, platform, created_at, seen_at
        FROM visitors WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND person = ANY($3::text[])
        ORDER BY seen_at DESC, id
        """,
        app.id,
        app.buckets,
        list(names),
    )
    return [_visitor(row) for row in rows]


async def name(db: Queryable, app: App, visitor_ids: Sequence[int], person: str | None) -> None:
    """Makes visitors this person's, or nobody's."""
    await db.execute(
        """
        UPDATE visitors SET person = $4
        WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND id = ANY($3::bigint[])
        """,
        app.id,
        list({bucket_of(app, one) for one in visitor_ids}),
        list(visitor_ids),
        person,
    )


async def see(db: Queryable, app: App, visitor_id: int, *, locale: str | None, at: datetime) -> None:
    """The visitor was here, and reads this language; None says nothing of it."""
    await db.execute(
        """
        UPDATE visitors SET seen_at = $4, locale = coalesce($5, locale)
        WHERE app_id = $1 AND bucket = $2 AND id = $3
        """,
        app.id,
        bucket_of(app, visitor_id),
        visitor_id,
        at,
        locale,
    )


async def delete(db: Queryable, app: App, visitor_ids: Sequence[int]) -> int:
    """Forgets these; how many there were."""
    tag = await db.execute(
        "DELETE FROM visitors WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND id = ANY($3::bigint[])",
        app.id,
        list({bucket_of(app, one) for one in visitor_ids}),
        list(visitor_ids),
    )
    return affected(tag)


async def prune(db: Queryable) -> int:
    """One step of forgetting who was not seen for half a year (index visitors_unseen); how many went."""
    tag = await db.execute(
        """
        DELETE FROM visitors WHERE (app_id, bucket, id) IN
            (SELECT app_id, bucket, id FROM visitors
              WHERE seen_at < now() - $1 * interval '1 day' ORDER BY seen_at LIMIT $2)
           AND seen_at < now() - $1 * interval '1 day'
        """,
        VISITOR_DAYS,
        PRUNE_ROWS,
    )
    return affected(tag)


def _visitor(row: Record) -> Visitor:
    return Visitor(**dict(row))
