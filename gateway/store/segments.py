"""Segments: audiences saved under a name. An app has so few (`SEGMENTS_PER_APP_MAX`) that all are read at once."""

from collections.abc import Sequence
from typing import Any

import msgspec

from gateway.model.audience import Audience
from gateway.model.segment import Segment
from gateway.store.database import Queryable, Record


async def lock(db: Queryable, app_id: int) -> None:
    """Lets one transaction at a time change the segments of an app: two that name each other would be a circle."""
    await db.fetchval("SELECT id FROM apps WHERE id = $1 FOR UPDATE", app_id, idempotent=False)


async def all_of_app(db: Queryable, app_id: int) -> dict[str, Audience]:
    """The audience of every segment of the app."""
    rows = await db.fetch("SELECT slug, audience FROM segments WHERE app_id = $1", app_id)
    return {row["slug"]: msgspec.convert(row["audience"], Audience) for row in rows}


async def page(db: Queryable, app_id: int, *, after: str | None, limit: int) -> list[Segment]:
    """Segments by their slug, behind one."""
    rows = await db.fetch(
        """
        SELECT slug, name, audience, version, created_at, changed_at FROM segments
        WHERE app_id = $1 AND ($2::text IS NULL OR slug > $2) ORDER BY slug LIMIT $3
        """,
        app_id,
        after,
        limit,
    )
    return [_segment(row) for row in rows]


async def get(db: Queryable, app_id: int, slug: str) -> Segment | None:
    """One segment."""
    row = await db.fetchrow(
        """
        SELECT slug, name, audience, version, created_at, changed_at FROM segments
        WHERE app_id = $1 AND slug = $2
        """,
        app_id,
        slug,
    )
    return None if row is None else _segment(row)


async def insert(db: Queryable, app_id: int, slug: str, name: str, audience: Audience) -> Segment | None:
    """A new segment; None when there is one of that slug."""
    row = await db.fetchrow(
        """
        INSERT INTO segments (app_id, slug, name, audience) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
        RETURNING slug, name, audience, version, created_at, changed_at
        """,
        app_id,
        slug,
        name,
        msgspec.to_builtins(audience),
    )
    return None if row is None else _segment(row)


async def update(db: Queryable, app_id: int, slug: str, name: str, audience: Audience) -> Segment | None:
    """Changes a segment; the version goes up where the audience is another. None when there is no such segment."""
    row = await db.fetchrow(
        """
        UPDATE segments SET name = $3, audience = $4,
               version = version + CASE WHEN audience = $4 THEN 0 ELSE 1 END,
               changed_at = CASE WHEN audience = $4 THEN changed_at ELSE now() END
        WHERE app_id = $1 AND slug = $2
        RETURNING slug, name, audience, version, created_at, changed_at
        """,
        app_id,
        slug,
        name,
        msgspec.to_builtins(audience),
    )
    return None if row is None else _segment(row)


async def delete(db: Queryable, app_id: int, slug: str) -> bool:
    """Takes a segment out; False when there is none."""
    return await db.execute("DELETE FROM segments WHERE app_id = $1 AND slug = $2", app_id, slug) == "DELETE 1"


async def messages_with(db: Queryable, app_id: int, word: str, *, limit: int) -> Sequence[tuple[int, Audience]]:
    """Messages that are not done and whose audience holds this word somewhere (index messages_filtered).

    What looks like a name may be a value: the caller reads the audience.
    """
    rows = await db.fetch(
        """
        SELECT id, audience FROM messages
        WHERE app_id = $1 AND state IN (0, 1, 2, 3) AND audience ?| '{segments,lists,where,exclude}'::text[]
          AND position($2 IN audience::text) > 0
        ORDER BY id LIMIT $3
        """,
        app_id,
        msgspec.json.encode(word).decode(),
        limit,
    )
    return [(row["id"], msgspec.convert(row["audience"], Audience)) for row in rows]


def _segment(row: Record) -> Segment:
    values: dict[str, Any] = dict(row)
    values["audience"] = msgspec.convert(values["audience"], Audience)
    return Segment(**values)
