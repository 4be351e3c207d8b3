"""Who changed what: one row for each act on apps, keys and credentials. Nothing here is ever changed."""

from datetime import datetime
from typing import Any

import msgspec

from gateway.model.ids import new_id
from gateway.store.database import Queryable


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One act. `target` is an id in its outside form; `detail` holds no secret."""

    id: int
    at: datetime
    app_id: int | None
    actor: str
    action: str
    target: str
    detail: dict[str, Any]


async def append(
    db: Queryable,
    *,
    app_id: int | None,
    actor: str,
    action: str,
    target: str,
    detail: dict[str, Any] | None = None,
) -> None:
    """Records an act in the transaction that does it."""
    await db.execute(
        "INSERT INTO audit_log (id, app_id, actor, action, target, detail) VALUES ($1, $2, $3, $4, $5, $6)",
        new_id(),
        app_id,
        actor,
        action,
        target,
        detail or {},
    )


async def list_page(db: Queryable, *, app_id: int | None, before: datetime | None, limit: int) -> list[AuditEntry]:
    """Acts on an app (None: on all of them), the latest first, those before a moment."""
    rows = await db.fetch(
        """
        SELECT id, at, app_id, actor, action, target, detail FROM audit_log
        WHERE ($1::int IS NULL OR app_id = $1) AND at < coalesce($2::timestamptz, 'infinity')
        ORDER BY at DESC, id LIMIT $3
        """,
        app_id,
        before,
        limit,
    )
    return [AuditEntry(**dict(row)) for row in rows]
