"""Secrets of our own making, sealed: what signs receipts and logins, and the key of address hashes (app 0)."""

from datetime import datetime
from typing import Final

import msgspec

from gateway.store.database import Queryable, Record

INSTALLATION: Final = 0
"""The app that stands for the installation itself."""


class StoredSecret(msgspec.Struct, frozen=True, kw_only=True):
    """A secret as it lies in the store: `sealed` opens with the master key only."""

    app_id: int
    kind: str
    id: int
    sealed: bytes
    created_at: datetime
    retired_at: datetime | None


def _secret(row: Record) -> StoredSecret:
    return StoredSecret(**dict(row))


async def insert(db: Queryable, *, app_id: int, kind: str, secret_id: int, sealed: bytes) -> bool:
    """Stores it; False when another one of that kind and number was there first."""
    tag = await db.execute(
        "INSERT INTO secrets (app_id, kind, id, sealed) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        app_id,
        kind,
        secret_id,
        sealed,
    )
    return tag == "INSERT 0 1"


async def list_live(db: Queryable, app_id: int, kind: str) -> list[StoredSecret]:
    """The live secrets of a kind, the newest last: that one signs, all of them verify."""
    rows = await db.fetch(
        """
        SELECT app_id, kind, id, sealed, created_at, retired_at
        FROM secrets WHERE app_id = $1 AND kind = $2 AND retired_at IS NULL ORDER BY created_at, id
        """,
        app_id,
        kind,
    )
    return [_secret(row) for row in rows]


async def lock_live(db: Queryable, app_id: int, kind: str) -> list[StoredSecret]:
    """As `list_live`, and whoever else wants to lock them waits for the end of this transaction."""
    rows = await db.fetch(
        """
        SELECT app_id, kind, id, sealed, created_at, retired_at
        FROM secrets WHERE app_id = $1 AND kind = $2 AND retired_at IS NULL ORDER BY created_at, id FOR UPDATE
        """,
        app_id,
        kind,
    )
    return [_secret(row) for row in rows]


async def list_numbers(db: Queryable, app_id: int, kind: str) -> list[int]:
    """The numbers that were ever given out, retired ones too."""
    rows = await db.fetch("SELECT id FROM secrets WHERE app_id = $1 AND kind = $2 ORDER BY id", app_id, kind)
    return [row["id"] for row in rows]


async def list_all(db: Queryable) -> list[StoredSecret]:
    """Every secret there is, for sealing them anew; a handful per app."""
    rows = await db.fetch("SELECT app_id, kind, id, sealed, created_at, retired_at FROM secrets ORDER BY app_id, kind")
    return [_secret(row) for row in rows]


async def retire(db: Queryable, app_id: int, kind: str, secret_id: int) -> bool:
    """Takes a secret out of use; what it signed is not believed any more. False when it was not live."""
    tag = await db.execute(
        """
        UPDATE secrets SET retired_at = now() WHERE app_id = $1 AND kind = $2 AND id = $3 AND retired_at IS NULL
        """,
        app_id,
        kind,
        secret_id,
    )
    return tag == "UPDATE 1"


async def replace_sealed(db: Queryable, secret: StoredSecret, new: bytes) -> bool:
    """Puts the same secret there under another master key; False when it is not the one that was read."""
    tag = await db.execute(
        "UPDATE secrets SET sealed = $5 WHERE app_id = $1 AND kind = $2 AND id = $3 AND sealed = $4",
        secret.app_id,
        secret.kind,
        secret.id,
        secret.sealed,
        new,
    )
    return tag == "UPDATE 1"


async def sealed_samples(db: Queryable) -> list[bytes]:
    """One sealed value for each master key that the database depends on (they differ in their first nine bytes)."""
    rows = await db.fetch(
        """
        SELECT DISTINCT ON (substring(sealed FOR 9)) sealed
        FROM (SELECT sealed FROM secrets UNION ALL SELECT sealed FROM credentials) AS every
        ORDER BY substring(sealed FOR 9)
        """
    )
    return [row["sealed"] for row in rows]
