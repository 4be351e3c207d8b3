"""Templates of messages."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from gateway.store.database import Queryable


class StoredTemplate(msgspec.Struct, frozen=True, kw_only=True):
    """A template: `content` holds fields of a message as they were given."""

    id: int
    name: str
    content: dict[str, Any]
    created_at: datetime
    changed_at: datetime


async def insert(
    db: Queryable, *, app_id: int, template_id: int, name: str, content: Mapping[str, Any], total_max: int
) -> bool:
    """Adds a template; False where the name is taken or the app has as many as it may have."""
    tag = await db.execute(
        """
        INSERT INTO templates (app_id, id, name, content)
        SELECT $1::int, $2::bigint, $3::text, $4::jsonb
         WHERE (SELECT count(*) FROM templates WHERE app_id = $1) < $5::int
        ON CONFLICT DO NOTHING
        """,
        app_id,
        template_id,
        name,
        dict(content),
        total_max,
    )
    return tag == "INSERT 0 1"


async def get(db: Queryable, *, app_id: int, template_id: int) -> StoredTemplate | None:
    """The template of this id."""
    row = await db.fetchrow(
        "SELECT id, name, content, created_at, changed_at FROM templates WHERE app_id = $1 AND id = $2",
        app_id,
        template_id,
    )
    return None if row is None else StoredTemplate(**dict(row))


async def is_named(db: Queryable, *, app_id: int, name: str) -> bool:
    """Whether the app has a template of this name."""
    return await db.fetchval("SELECT EXISTS (SELECT FROM templates WHERE app_id = $1 AND name = $2)", app_id, name)


async def page(db: Queryable, *, app_id: int, after: str, limit: int) -> list[StoredTemplate]:
    """Templates in the order of their names, behind the name `after`."""
    rows = await db.fetch(
        """
        SELECT id, name, content, created_at, changed_at FROM templates
         WHERE app_id = $1 AND name > $2 ORDER BY name LIMIT $3
        """,
        app_id,
        after,
        limit,
    )
    return [StoredTemplate(**dict(row)) for row in rows]


async def update(
    db: Queryable, *, app_id: int, template_id: int, name: str | None, content: Mapping[str, Any] | None
) -> StoredTemplate | None:
    """Replaces what is given; None where there is no such template, or another one has the name."""
    row = await db.fetchrow(
        """
        UPDATE templates
           SET name = coalesce($3::text, name), content = coalesce($4::jsonb, content), changed_at = now()
         WHERE app_id = $1 AND id = $2
           AND NOT EXISTS (SELECT FROM templates other WHERE other.app_id = $1 AND other.name = $3 AND other.id <> $2)
        RETURNING id, name, content, created_at, changed_at
        """,
        app_id,
        template_id,
        name,
        None if content is None else dict(content),
    )
    return None if row is None else StoredTemplate(**dict(row))


async def delete(db: Queryable, *, app_id: int, template_id: int) -> bool:
    """Takes it out; False when there is none. Messages made from it keep what they say."""
    tag = await db.execute("DELETE FROM templates WHERE app_id = $1 AND id = $2", app_id, template_id)
    return tag == "DELETE 1"
