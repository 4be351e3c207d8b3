"""Topics that devices follow. Outside they go by their slug, in subscriptions by a small number."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from gateway.store.database import Queryable

_NUMBER_BITS: Final = 31


class StoredTopic(msgspec.Struct, frozen=True, kw_only=True):
    """A topic of an app; `name` is what people read, the slug where nobody gave one."""

    id: int
    slug: str
    name: str
    created_at: datetime


async def list_of_app(db: Queryable, app_id: int) -> list[StoredTopic]:
    """Every topic of the app by its slug; at most `TOPICS_PER_APP_MAX`."""
    rows = await db.fetch(
        "SELECT id, slug, name, created_at FROM topics WHERE app_id = $1 ORDER BY slug",
        app_id,
    )
    return [StoredTopic(**dict(row)) for row in rows]


async def by_slug(db: Queryable, app_id: int, slugs: Sequence[str]) -> dict[str, int]:
    """The numbers of those slugs that exist."""
    rows = await db.fetch(
        "SELECT slug, id FROM topics WHERE app_id = $1 AND slug = ANY($2::text[])", app_id, list(slugs)
    )
    return {row["slug"]: row["id"] for row in rows}


async def slugs_of(db: Queryable, app_id: int, ids: Sequence[int]) -> list[str]:
    """The slugs of those numbers that still are topics, in alphabetical order."""
    rows = await db.fetch(
        "SELECT slug FROM topics WHERE app_id = $1 AND id = ANY($2::int[]) ORDER BY slug", app_id, list(ids)
    )
    return [row["slug"] for row in rows]


async def insert_missing(
    db: Queryable, app_id: int, slugs: Sequence[str], *, total_max: int, name: str | None = None
) -> list[str]:
    """Makes the topics of these slugs as far as the app may have more, and tells which were made here and now.

    One that is missing from the answer exists already, was made elsewhere in the same moment, or found no room: ask
    `by_slug`. `name` serves a single slug. Numbers are random: a deleted topic's must not come back, because devices
    still carry it.
    """
    wanted = sorted(set(slugs))
    rows = await db.fetch(
        """
        INSERT INTO topics (app_id, id, slug, name)
        SELECT $1::int, wanted.id, wanted.slug, coalesce($5::text, wanted.slug)
        FROM (
            SELECT slug, id, row_number() OVER (ORDER BY slug) AS place
            FROM unnest($2::text[], $3::int[]) AS given (slug, id)
            WHERE slug NOT IN (SELECT slug FROM topics WHERE app_id = $1)
        ) AS wanted
        WHERE (SELECT count(*) FROM topics WHERE app_id = $1) + wanted.place <= $4::int
        ON CONFLICT DO NOTHING
        RETURNING slug
        """,
        app_id,
        wanted,
        [secrets.randbits(_NUMBER_BITS) for _ in wanted],
        total_max,
        name,
    )
    return [row["slug"] for row in rows]


async def rename(db: Queryable, app_id: int, slug: str, name: str) -> bool:
    """Changes what people read; False when there is no such topic."""
    tag = await db.execute("UPDATE topics SET name = $3 WHERE app_id = $1 AND slug = $2", app_id, slug, name)
    return tag == "UPDATE 1"


async def delete(db: Queryable, app_id: int, slug: str) -> bool:
    """Takes the topic out; False when there is none. Its number may stay on devices, where it means nothing now."""
    tag = await db.execute("DELETE FROM topics WHERE app_id = $1 AND slug = $2", app_id, slug)
    return tag == "DELETE 1"
