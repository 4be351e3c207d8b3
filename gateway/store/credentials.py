"""Keys of an app at a provider, sealed. Several live at once: each subscription names the one it was made with."""

from datetime import datetime
from typing import Any

import msgspec

from gateway.model.app import App
from gateway.model.ids import buckets_of_app
from gateway.store.database import Queryable, Record


class StoredCredential(msgspec.Struct, frozen=True, kw_only=True):
    """A credential as it lies in the store: `sealed` opens with the master key only."""

    app_id: int
    id: int
    public_id: int
    provider: str
    public: dict[str, Any]
    sealed: bytes
    is_current: bool
    created_at: datetime
    current_at: datetime | None
    retired_at: datetime | None


class KeyUse(msgspec.Struct, frozen=True, kw_only=True):
    """Live devices that are reached with a credential only; `came_over`: those older than the current one's day."""

    credential_id: int
    devices: int
    came_over: int
    last_seen_at: datetime | None


def _credential(row: Record) -> StoredCredential:
    return StoredCredential(**dict(row))


async def insert(
    db: Queryable, *, app_id: int, public_id: int, provider: str, public: dict[str, Any], sealed: bytes
) -> StoredCredential | None:
    """The new credential with the app's next id, not yet current; None when that id was taken in the same moment."""
    row = await db.fetchrow(
        """
        INSERT INTO credentials (app_id, id, public_id, provider, public, sealed)
        SELECT $1::int, coalesce(max(id), 0) + 1, $2::bigint, $3::text, $4::jsonb, $5::bytea
        FROM credentials WHERE app_id = $1
        ON CONFLICT DO NOTHING
        RETURNING app_id, id, public_id, provider, public, sealed, is_current, created_at, current_at, retired_at
        """,
        app_id,
        public_id,
        provider,
        public,
        sealed,
    )
    return None if row is None else _credential(row)


async def list_of_app(db: Queryable, app_id: int) -> list[StoredCredential]:
    """Every credential of the app, retired ones too, the oldest first; at most `CREDENTIALS_PER_APP_MAX`."""
    rows = await db.fetch(
        """
        SELECT app_id, id, public_id, provider, public, sealed, is_current, created_at, current_at, retired_at
        FROM credentials WHERE app_id = $1 ORDER BY id
        """,
        app_id,
    )
    return [_credential(row) for row in rows]


async def get(db: Queryable, app_id: int, credential_id: int) -> StoredCredential | None:
    """The credential that subscriptions name by this number."""
    row = await db.fetchrow(
        """
        SELECT app_id, id, public_id, provider, public, sealed, is_current, created_at, current_at, retired_at
        FROM credentials WHERE app_id = $1 AND id = $2
        """,
        app_id,
        credential_id,
    )
    return None if row is None else _credential(row)


async def get_by_public_id(db: Queryable, app_id: int, public_id: int) -> StoredCredential | None:
    """The credential that `key_...` names, if it is this app's."""
    row = await db.fetchrow(
        """
        SELECT app_id, id, public_id, provider, public, sealed, is_current, created_at, current_at, retired_at
        FROM credentials WHERE app_id = $1 AND public_id = $2
        """,
        app_id,
        public_id,
    )
    return None if row is None else _credential(row)


async def list_all(db: Queryable) -> list[StoredCredential]:
    """Every credential there is, for sealing them anew."""
    rows = await db.fetch(
        """
        SELECT app_id, id, public_id, provider, public, sealed, is_current, created_at, current_at, retired_at
        FROM credentials ORDER BY app_id, id
        """
    )
    return [_credential(row) for row in rows]


async def set_subject(db: Queryable, app_id: int, subject: str) -> None:
    """Changes the contact that push services see, on every credential that names one."""
    await db.execute(
        "UPDATE credentials SET public = public || jsonb_build_object('subject', $2::text)"
        " WHERE app_id = $1 AND public ? 'subject'",
        app_id,
        subject,
    )


async def lock_of_app(db: Queryable, app_id: int) -> None:
    """Whoever else wants to change which credential is current waits for the end of this transaction."""
    await db.fetch("SELECT id FROM credentials WHERE app_id = $1 ORDER BY id FOR UPDATE", app_id)


async def unset_current(db: Queryable, app_id: int, provider: str) -> None:
    """Afterwards the app has no current credential at this provider: half of `set_current`, in its transaction."""
    await db.execute(
        "UPDATE credentials SET is_current = false WHERE app_id = $1 AND provider = $2 AND is_current",
        app_id,
        provider,
    )


async def set_current(db: Queryable, app_id: int, credential_id: int) -> bool:
    """Makes a live credential the one for new subscriptions; call `unset_current` before, in the same transaction."""
    tag = await db.execute(
        "UPDATE credentials SET is_current = true, current_at = now()"
        " WHERE app_id = $1 AND id = $2 AND retired_at IS NULL",
        app_id,
        credential_id,
    )
    return tag == "UPDATE 1"


async def retire(db: Queryable, app_id: int, credential_id: int) -> bool:
    """Takes a credential out of use for ever; False when it was not live."""
    tag = await db.execute(
        """
        UPDATE credentials SET retired_at = now(), is_current = false
        WHERE app_id = $1 AND id = $2 AND retired_at IS NULL
        """,
        app_id,
        credential_id,
    )
    return tag == "UPDATE 1"


async def replace_sealed(db: Queryable, app_id: int, credential_id: int, *, old: bytes, new: bytes) -> bool:
    """Puts the same secret there under another master key; False when it is not the one that was read."""
    tag = await db.execute(
        "UPDATE credentials SET sealed = $4 WHERE app_id = $1 AND id = $2 AND sealed = $3",
        app_id,
        credential_id,
        old,
        new,
    )
    return tag == "UPDATE 1"


async def uses(db: Queryable, app: App, provider: str, current_at: datetime | None) -> list[KeyUse]:
    """What each credential at the provider is needed for. Reads all of the app: for operators, not for sends."""
    rows = await db.fetch(
        """
        SELECT credential_id, count(*)::int AS devices,
               count(*) FILTER (WHERE created_at < $4::timestamptz)::int AS came_over, max(seen_at) AS last_seen_at
        FROM subscriptions
        WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND provider = $3 AND state = 0
        GROUP BY credential_id
        """,
        app.id,
        buckets_of_app(home=app.home, spread=app.spread),
        provider,
        current_at,
    )
    return [KeyUse(**dict(row)) for row in rows]


async def need(db: Queryable, app: App, credential_id: int) -> KeyUse:
    """The same of one credential, whatever it is current since."""
    row = await db.fetchrow(
        """
        SELECT $3::int AS credential_id, count(*)::int AS devices, 0 AS came_over, max(seen_at) AS last_seen_at
        FROM subscriptions
        WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND credential_id = $3 AND state = 0
        """,
        app.id,
        buckets_of_app(home=app.home, spread=app.spread),
        credential_id,
    )
    assert row is not None
    return KeyUse(**dict(row))
