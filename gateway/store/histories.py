"""What the history says of one device: which messages it got and what it did with them. For the export of a person."""

from datetime import datetime

import msgspec

from gateway.model.app import App
from gateway.store.database import Queryable
from gateway.store.subscriptions import bucket_of


class Got(msgspec.Struct, frozen=True):
    """How a message ended for the device: a `Code`."""

    message_id: int
    at: datetime
    code: int


class Did(msgspec.Struct, frozen=True):
    """What the device reported of a message: a `ReceiptKind`."""

    message_id: int
    at: datetime
    kind: int


async def outcomes_of(db: Queryable, app: App, subscription_id: int, limit: int) -> list[Got]:
    """The latest messages that the device was a recipient of."""
    rows = await db.fetch(
        """
        SELECT msg_id, at, get_byte(codes, array_position(ids, $3::bigint) - 1) FROM outcomes
        WHERE app_id = $1 AND bucket = $2 AND lo <= $3 AND hi >= $3 AND ids @> ARRAY[$3::bigint]
        ORDER BY at DESC LIMIT $4
        """,
        app.id,
        bucket_of(app, subscription_id),
        subscription_id,
        limit,
    )
    return [Got(*row) for row in rows]


async def receipts_of(db: Queryable, app: App, subscription_id: int, limit: int) -> list[Did]:
    """What the device reported last."""
    rows = await db.fetch(
        """
        SELECT msg_id, at, kind FROM receipts
        WHERE app_id = $1 AND bucket = $2 AND sub_id = $3 ORDER BY at DESC LIMIT $4
        """,
        app.id,
        bucket_of(app, subscription_id),
        subscription_id,
        limit,
    )
    return [Did(*row) for row in rows]
