"""Apps: small rows that every process reads. What was deleted is kept for its history and found by nobody."""

from collections.abc import Sequence
from typing import Any

from gateway.model.app import App
from gateway.store.database import Queryable, Record


def _app(row: Record) -> App:
    return App(
        id=row["id"],
        public_id=row["public_id"],
        name=row["name"],
        home=row["home"],
        spread=row["spread"],
        origins=tuple(row["origins"]),
        link_hosts=tuple(row["link_hosts"]),
        subject=row["subject"],
        settings=row["settings"],
        created_at=row["created_at"],
    )


async def insert(
    db: Queryable,
    *,
    public_id: int,
    name: str,
    home: int,
    origins: Sequence[str],
    link_hosts: Sequence[str],
    subject: str,
    settings: dict[str, Any],
) -> App | None:
    """The new app with the next free id; None when its name, or that id in the same moment, was taken."""
    row = await db.fetchrow(
        """
        INSERT INTO apps (id, public_id, name, home, origins, link_hosts, subject, settings)
        SELECT coalesce(max(id), 0) + 1, $1::bigint, $2::text, $3::smallint, $4::text[], $5::text[], $6::text, $7::jsonb
        FROM apps
        ON CONFLICT DO NOTHING
        RETURNING id, public_id, name, home, spread, origins, link_hosts, subject, settings, created_at
        """,
        public_id,
        name,
        home,
        list(origins),
        list(link_hosts),
        subject,
        settings,
    )
    return None if row is None else _app(row)


async def get(db: Queryable, app_id: int) -> App | None:
    """The app of this key."""
    row = await db.fetchrow(
        """
        SELECT id, public_id, name, home, spread, origins, link_hosts, subject, settings, created_at
        FROM apps WHERE id = $1 AND deleted_at IS NULL
        """,
        app_id,
    )
    return None if row is None else _app(row)


async def get_by_public_id(db: Queryable, public_id: int) -> App | None:
    """The app that `app_...` names."""
    row = await db.fetchrow(
        """
        SELECT id, public_id, name, home, spread, origins, link_hosts, subject, settings, created_at
        FROM apps WHERE public_id = $1 AND deleted_at IS NULL
        """,
        public_id,
    )
    return None if row is None else _app(row)


async def get_by_name(db: Queryable, name: str) -> App | None:
    """The app of this name, spelled exactly so."""
    row = await db.fetchrow(
        """
        SELECT id, public_id, name, home, spread, origins, link_hosts, subject, settings, created_at
        FROM apps WHERE name = $1 AND deleted_at IS NULL
        """,
        name,
    )
    return None if row is None else _app(row)


async def list_page(db: Queryable, after: int, limit: int) -> list[App]:
    """Apps in the order they were made, behind the key `after` (0: from the first)."""
    rows = await db.fetch(
        """
        SELECT id, public_id, name, home, spread, origins, link_hosts, subject, settings, created_at
        FROM apps WHERE id > $1 AND deleted_at IS NULL ORDER BY id LIMIT $2
        """,
        after,
        limit,
    )
    return [_app(row) for row in rows]


async def lock_settings(db: Queryable, app_id: int) -> dict[str, Any] | None:
    """The settings as stored, which nobody else changes until the end of the transaction. None: no such app."""
    return await db.fetchval("SELECT settings FROM apps WHERE id = $1 AND deleted_at IS NULL FOR UPDATE", app_id)


async def update_settings(
    db: Queryable,
    app_id: int,
    *,
    name: str | None = None,
    subject: str | None = None,
    settings: dict[str, Any] | None = None,
) -> App | None:
    """Changes what is given; `settings` replaces the whole of them. None when there is no such app.

    A name that another app has raises asyncpg's UniqueViolationError: look first.
    """
    row = await db.fetchrow(
        """
        UPDATE apps
        SET name = coalesce($2, name), subject = coalesce($3, subject), settings = coalesce($4::jsonb, settings)
        WHERE id = $1 AND deleted_at IS NULL
        RETURNING id, public_id, name, home, spread, origins, link_hosts, subject, settings, created_at
        """,
        app_id,
        name,
        subject,
        settings,
    )
    return None if row is None else _app(row)


async def update_origins(
    db: Queryable,
    app_id: int,
    *,
    origins: Sequence[str] | None = None,
    link_hosts: Sequence[str] | None = None,
) -> App | None:
    """Replaces what is given, checked already. None when there is no such app."""
    row = await db.fetchrow(
        """
        UPDATE apps SET origins = coalesce($2::text[], origins), link_hosts = coalesce($3::text[], link_hosts)
        WHERE id = $1 AND deleted_at IS NULL
        RETURNING id, public_id, name, home, spread, origins, link_hosts, subject, settings, created_at
        """,
        app_id,
        None if origins is None else list(origins),
        None if link_hosts is None else list(link_hosts),
    )
    return None if row is None else _app(row)


async def mark_deleted(db: Queryable, app_id: int) -> bool:
    """Takes the app out of every look-up and frees its name; False when there was none."""
    tag = await db.execute(
        """
        UPDATE apps SET deleted_at = now(), name = name || ' (deleted, ' || id || ')'
        WHERE id = $1 AND deleted_at IS NULL
        """,
        app_id,
    )
    return tag == "UPDATE 1"
