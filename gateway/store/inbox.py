"""Messages that stay in the inbox of the page, and to whom they were sent. Read only: sending writes nothing for it."""

from collections.abc import Sequence
from datetime import date, datetime

import msgspec

from gateway.model.app import App
from gateway.model.audience import Audience
from gateway.model.message import Content
from gateway.model.terms import Terms
from gateway.store.database import Queryable, Record
from gateway.store.subscriptions import bucket_of


class InboxMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message that was planned and stays. Its day, in outcomes, is `planned_at`'s (UTC)."""

    id: int
    state: int
    content: Content
    audience: Audience
    terms: Terms
    planned_at: datetime


class Sending(msgspec.Struct, frozen=True):
    """How a message ended for one device: a `Code`, when that was written, and by which part of the plan."""

    message_id: int
    device: int
    part: int
    at: datetime
    code: int


async def campaigns(db: Queryable, app: App, *, since: datetime, limit: int) -> list[InboxMessage]:
    """The newest for more than names that still hold: neither cancelled nor recalled (index messages_inbox)."""
    rows = await db.fetch(
        """
        SELECT id, state, content, audience, terms, planned_at FROM messages
         WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND terms ? 'inbox'
           AND NOT audience ?| ARRAY['users', 'subscriptions'] AND planned_at > $3 AND state IN (2, 3, 4)
           AND recalled_by IS NULL
         ORDER BY planned_at DESC, id DESC LIMIT $4
        """,
        app.id,
        app.buckets,
        since,
        limit,
    )
    return [_message(row) for row in rows]


async def naming(
    db: Queryable, app: App, *, names: Sequence[str], devices: Sequence[int], since: datetime, limit: int
) -> list[InboxMessage]:
    """The newest of those that name one of these people or devices (index messages_inbox_named)."""
    rows = await db.fetch(
        """
        SELECT id, state, content, audience, terms, planned_at FROM messages
         WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND terms ? 'inbox'
           AND (audience->'users' ?| $3::text[] OR audience->'subscriptions' @> ANY($4::text[]::jsonb[]))
           AND planned_at > $5 AND state IN (2, 3, 4)
           AND recalled_by IS NULL
         ORDER BY planned_at DESC, id DESC LIMIT $6
        """,
        app.id,
        app.buckets,
        list(names),
        [f"[{one}]" for one in devices],
        since,
        limit,
    )
    return [_message(row) for row in rows]


async def ends(db: Queryable, app: App, messages: Sequence[tuple[int, date]], devices: Sequence[int]) -> list[Sending]:
    """How these messages, each with its day, ended for these devices. Who was never tried is not in it."""
    rows = await db.fetch(
        """
        SELECT o.msg_id AS message_id, n.id AS device, o.part, o.at,
               get_byte(o.codes, array_position(o.ids, n.id) - 1) AS code
          FROM unnest($5::bigint[], $6::smallint[]) AS n (id, bucket)
          JOIN outcomes o ON o.bucket = n.bucket AND o.lo <= n.id AND o.hi >= n.id AND o.ids @> ARRAY[n.id]
         WHERE o.app_id = $1 AND o.bucket = ANY($2::smallint[]) AND o.msg_id = ANY($3::bigint[])
           AND o.day = ANY($4::date[])
        """,
        app.id,
        sorted({bucket_of(app, one) for one in devices}),
        [number for number, _ in messages],
        sorted({day for _, day in messages}),
        list(devices),
        [bucket_of(app, one) for one in devices],
    )
    return [Sending(**dict(row)) for row in rows]


def _message(row: Record) -> InboxMessage:
    return InboxMessage(
        id=row["id"],
        state=row["state"],
        content=msgspec.convert(row["content"], Content),
        audience=msgspec.convert(row["audience"], Audience),
        terms=msgspec.convert(row["terms"], Terms),
        planned_at=row["planned_at"],
    )
