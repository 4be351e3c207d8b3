"""API keys: only the SHA-256 of each is here, found by the id that stands in the key's text."""

from collections.abc import Sequence
from datetime import datetime

from gateway.model.app import ApiKey, Scope
from gateway.store.database import Queryable, Record


def _key(row: Record) -> ApiKey:
    return ApiKey(
        id=row["id"],
        app_id=row["app_id"],
        name=row["name"],
        scopes=tuple(row["scopes"]),
        hash=row["hash"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        last_used_at=row["last_used_at"],
    )


async def insert(
    db: Queryable,
    *,
    key_id: int,
    app_id: int | None,
    name: str,
    scopes: Sequence[Scope],
    key_hash: bytes,
    expires_at: datetime | None,
) -> ApiKey:
    """The new key; `app_id` None makes it the installation's."""
    row = await db.fetchrow(
        """
        INSERT INTO api_keys (id, app_id, name, scopes, hash, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
        RETURNING id, app_id, name, scopes, hash, created_at, expires_at, revoked_at, last_used_at
        """,
        key_id,
        app_id,
        name,
        list(scopes),
        key_hash,
        expires_at,
    )
    assert row is not None
    return _key(row)


async def get(db: Queryable, key_id: int) -> ApiKey | None:
    """The key of this id, revoked and expired ones too."""
    row = await db.fetchrow(
        """
        SELECT id, app_id, name, scopes, hash, created_at, expires_at, revoked_at, last_used_at
        FROM api_keys WHERE id = $1
        """,
        key_id,
    )
    return None if row is None else _key(row)


async def list_of_app(db: Queryable, app_id: int | None) -> list[ApiKey]:
    """Keys of an app (None: the installation's), revoked ones too, the oldest first."""
    rows = await db.fetch(
        """
        SELECT id, app_id, name, scopes, hash, created_at, expires_at, revoked_at, last_used_at
        FROM api_keys WHERE app_id IS NOT DISTINCT FROM $1::int ORDER BY created_at, id
        """,
        app_id,
    )
    return [_key(row) for row in rows]


async def count_live(db: Queryable, app_id: int | None) -> int:
    """Keys of an app (None: the installation's) that still open something."""
    return await db.fetchval(
        """
        SELECT count(*) FROM api_keys
        WHERE app_id IS NOT DISTINCT FROM $1::int AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
        """,
        app_id,
    )


async def revoke(db: Queryable, app_id: int | None, key_id: int) -> bool:
    """Ends a key of this app (None: of the installation); False when it was not live or not this app's."""
    tag = await db.execute(
        """
        UPDATE api_keys SET revoked_at = now()
        WHERE id = $2 AND app_id IS NOT DISTINCT FROM $1::int AND revoked_at IS NULL
        """,
        app_id,
        key_id,
    )
    return tag == "UPDATE 1"


async def touch(db: Queryable, key_id: int) -> None:
    """Remembers that a key was used, at most once a minute."""
    await db.execute(
        """
        UPDATE api_keys SET last_used_at = now()
        WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
        """,
        key_id,
    )
