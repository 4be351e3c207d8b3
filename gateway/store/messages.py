"""Messages: ordered, due, planned, running, done."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from gateway.model.approval import Approval
from gateway.model.audience import Audience
from gateway.model.ids import bucket_of_message
from gateway.model.message import Content, Message, MessageState
from gateway.model.terms import Terms
from gateway.store.database import Queryable, Record

FIRST_VERSION: Final = 1
"""Of a message that nobody has changed."""


class StoredMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message's row."""

    app_id: int
    bucket: int
    id: int
    kind: int
    state: int
    content: Content
    audience: Audience
    terms: Terms
    due_at: datetime
    expires_at: datetime
    planned_at: datetime | None
    finished_at: datetime | None
    tally: dict[str, int] | None
    created_at: datetime
    needs_approval: bool = False
    approval: Approval | None = None
    series: int | None = None
    recalled_by: int | None = None
    recipients: int | None = None

    def on_its_way(self) -> Message:
        """What sending needs of it, once it is planned."""
        return Message(
            app_id=self.app_id,
            id=self.id,
            content=self.content,
            audience=self.audience,
            planned_at=self.planned_at or self.due_at,
            expires_at=self.expires_at,
            terms=self.terms,
            recipients=self.recipients or 0,
        )


class NewMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message on its way into the store. `due_at` None: at once."""

    app_id: int
    id: int
    kind: int
    state: MessageState
    content: Content
    audience: Audience
    due_at: datetime | None
    life_s: int
    terms: Terms = Terms()
    series: int | None = None


async def insert(db: Queryable, messages: Sequence[NewMessage], *, at: datetime) -> None:
    """Adds messages, created at `at`. One that is sent at once counts as planned; one to nobody as done."""
    await db.executemany(
        """
        INSERT INTO messages (app_id, bucket, id, kind, state, content, audience, due_at, expires_at, created_at,
                              planned_at, finished_at, tally, terms, series)
        VALUES ($1, $2, $3, $4, $5::smallint, $6, $7, $8::timestamptz, $8::timestamptz + $9 * interval '1 second',
                $10::timestamptz,
                CASE WHEN $5::smallint IN (2, 4) THEN $10::timestamptz END,
                CASE WHEN $5::smallint = 4 THEN $10::timestamptz END,
                CASE WHEN $5::smallint = 4 THEN '{}'::jsonb END,
                $11, $12)
        """,
        [
            (
                message.app_id,
                bucket_of_message(message.id),
                message.id,
                int(message.kind),
                int(message.state),
                msgspec.to_builtins(message.content),
                msgspec.to_builtins(message.audience),
                message.due_at or at,
                message.life_s,
                at,
                msgspec.to_builtins(message.terms),
                message.series,
            )
            for message in messages
        ],
    )


async def get(db: Queryable, *, app_id: int, message_id: int) -> StoredMessage | None:
    """One message, by its id alone: the id names its bucket."""
    row = await db.fetchrow(
        "SELECT app_id, bucket, id, kind, state, content, audience, due_at, expires_at, planned_at, finished_at, tally,"
        " created_at, terms, needs_approval, approval, series, recalled_by, recipients FROM messages"
        " WHERE app_id = $1 AND bucket = $2 AND id = $3",
        app_id,
        bucket_of_message(message_id),
        message_id,
    )
    return None if row is None else _message(row)


async def version_of(db: Queryable, *, app_id: int, message_id: int) -> int | None:
    """Counts the changes of a message that is on its way; None when it is not there any more."""
    return await db.fetchval(
        "SELECT content_version FROM messages WHERE app_id = $1 AND bucket = $2 AND id = $3",
        app_id,
        bucket_of_message(message_id),
        message_id,
    )


async def set_rate(db: Queryable, *, app_id: int, message_id: int, per_minute: int | None) -> bool:
    """Changes how many go out a minute; False when the message has ended or is not there."""
    tag = await db.execute(
        """
        UPDATE messages
           SET content_version = (content_version % 30000) + 1,
               terms = CASE WHEN $4::int IS NULL THEN terms - 'per_minute'
                            ELSE terms || jsonb_build_object('per_minute', $4::int) END
         WHERE app_id = $1 AND bucket = $2 AND id = $3 AND state NOT IN (4, 5, 6)
        """,
        app_id,
        bucket_of_message(message_id),
        message_id,
        per_minute,
    )
    return tag == "UPDATE 1"


async def put_off(db: Queryable, *, app_id: int, message_id: int, to: datetime) -> bool:
    """Changes when a message is due; its life begins then. False when it has ended or is not there."""
    tag = await db.execute(
        """
        UPDATE messages
           SET content_version = (content_version % 30000) + 1,
               due_at = $4::timestamptz, expires_at = $4::timestamptz + (expires_at - due_at)
         WHERE app_id = $1 AND bucket = $2 AND id = $3 AND state NOT IN (4, 5, 6)
        """,
        app_id,
        bucket_of_message(message_id),
        message_id,
        to,
    )
    return tag == "UPDATE 1"


async def page(
    db: Queryable,
    *,
    app_id: int,
    before: tuple[datetime, int] | None,
    limit: int,
    state: MessageState | None,
    series: int | None = None,
) -> list[StoredMessage]:
    """An app's messages, newest first, behind (created_at, id): a list for people (index messages_recent)."""
    rows = await db.fetch(
        """
        SELECT app_id, bucket, id, kind, state, content, audience, due_at, expires_at, planned_at, finished_at, tally,
               created_at, terms, needs_approval, approval, series, recalled_by, recipients
          FROM messages
         WHERE app_id = $1 AND ($2::timestamptz IS NULL OR (created_at, id) < ($2, $3))
           AND ($4::smallint IS NULL OR state = $4) AND ($6::bigint IS NULL OR series = $6)
         ORDER BY created_at DESC, id DESC LIMIT $5
        """,
        app_id, before[0] if before else None, before[1] if before else 0, state, limit, series,
    )  # fmt: skip
    return [_message(row) for row in rows]


async def claim_due(db: Queryable, *, limit: int, lease_s: int, now: datetime | None = None) -> list[StoredMessage]:
    """Takes messages whose time has come for planning (index messages_due): new ones, and those whose planner died.

    MATERIALIZED, or a nested loop may ask for the next few again and again, past the limit.
    now: the database's time, where the caller carries it on. `planned_at` is set by the first claim and stays, so
    that planning again gives the same chunks.
    """
    rows = await db.fetch(
        """
        WITH due AS MATERIALIZED (
            SELECT app_id, bucket, id FROM messages
             WHERE state IN (0, 1) AND due_at <= coalesce($3::timestamptz, now()) AND (state = 0 OR lease_until < now())
               AND NOT needs_approval
             ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED)
        UPDATE messages m
           SET state = 1, lease_until = now() + $2 * interval '1 second', planned_at = coalesce(m.planned_at, $3, now())
          FROM due
         WHERE m.app_id = due.app_id AND m.bucket = due.bucket AND m.id = due.id
        RETURNING m.app_id, m.bucket, m.id, m.kind, m.state, m.content, m.audience, m.due_at, m.expires_at,
                  m.planned_at, m.finished_at, m.tally, m.created_at, m.terms,
                  m.needs_approval, m.approval, m.series, m.recalled_by, m.recipients
        """,
        limit,
        lease_s,
        now,
    )
    return [_message(row) for row in rows]


async def move(
    db: Queryable, *, app_id: int, message_id: int, to: MessageState, only_from: Sequence[MessageState]
) -> bool:
    """Changes the state if it is one of `only_from`; whether it was. Moved to DONE, nobody was in it."""
    tag = await db.execute(
        "UPDATE messages SET state = $4::smallint, finished_at = CASE WHEN $4::smallint IN (4, 5, 6) THEN now() END,"
        " tally = CASE WHEN $4 = 4 THEN '{}'::jsonb ELSE tally END"
        " WHERE app_id = $1 AND bucket = $2 AND id = $3 AND state = ANY($5::smallint[])",
        app_id,
        bucket_of_message(message_id),
        message_id,
        int(to),
        [int(state) for state in only_from],
    )
    return tag == "UPDATE 1"


async def prolong(db: Queryable, *, app_id: int, message_id: int, expires_at: datetime) -> None:
    """Sets the end of a message's life: known only when it is planned, where people have hours of their own."""
    await db.execute(
        "UPDATE messages SET expires_at = $4 WHERE app_id = $1 AND bucket = $2 AND id = $3",
        app_id,
        bucket_of_message(message_id),
        message_id,
        expires_at,
    )


async def note_recipients(db: Queryable, *, app_id: int, message_id: int, recipients: int) -> None:
    """Keeps how many a large message was planned for."""
    await db.execute(
        "UPDATE messages SET recipients = $4 WHERE app_id = $1 AND bucket = $2 AND id = $3",
        app_id,
        bucket_of_message(message_id),
        message_id,
        recipients,
    )


async def move_series(
    db: Queryable, *, app_id: int, message_id: int, was_due_at: datetime, due_at: datetime | None, terms: Terms
) -> bool:
    """Lets a series wait for its next occurrence, or ends it (None); whether it waited for the one that was due."""
    tag = await db.execute(
        """
        UPDATE messages
           SET state = CASE WHEN $5::timestamptz IS NULL THEN 4 ELSE 0 END, due_at = coalesce($5, due_at), terms = $6,
               expires_at = expires_at + (coalesce($5, due_at) - due_at), planned_at = NULL, lease_until = NULL,
               finished_at = CASE WHEN $5 IS NULL THEN now() END, tally = CASE WHEN $5 IS NULL THEN '{}'::jsonb END
         WHERE app_id = $1 AND bucket = $2 AND id = $3 AND state = 1 AND due_at = $4
        """,
        app_id, bucket_of_message(message_id), message_id, was_due_at, due_at, msgspec.to_builtins(terms),
    )  # fmt: skip
    return tag == "UPDATE 1"


async def finish(
    db: Queryable, *, app_id: int, message_id: int, tally: Mapping[str, int], only_from: Sequence[MessageState]
) -> bool:
    """Keeps the final tally, once; whether it was this call. It ends a running message; a cancelled one stays so."""
    tag = await db.execute(
        """
        UPDATE messages SET state = CASE WHEN state = 5 THEN 5 ELSE 4 END, tally = $4, finished_at = now()
         WHERE app_id = $1 AND bucket = $2 AND id = $3 AND state = ANY($5::smallint[]) AND tally IS NULL
        """,
        app_id,
        bucket_of_message(message_id),
        message_id,
        dict(tally),
        [int(state) for state in only_from],
    )
    return tag == "UPDATE 1"


async def coming(db: Queryable, *, within_s: int, limit: int) -> list[StoredMessage]:
    """Campaigns that are to be planned within so many seconds, the next one first (index messages_due)."""
    rows = await db.fetch(
        """
        SELECT app_id, bucket, id, kind, state, content, audience, due_at, expires_at, planned_at, finished_at, tally,
               created_at, terms, needs_approval, approval, series, recalled_by, recipients
          FROM messages
         WHERE state IN (0, 1) AND state = 0 AND kind = 1
           AND due_at > now() AND due_at <= now() + $1 * interval '1 second'
         ORDER BY due_at LIMIT $2
        """,
        within_s,
        limit,
    )
    return [_message(row) for row in rows]


class Running(msgspec.Struct, frozen=True):
    """A message that may be done by now."""

    created_at: datetime
    app_id: int
    id: int


async def running(db: Queryable, *, after: tuple[datetime, int] | None, limit: int) -> list[Running]:
    """Those that may be done by now: running ones, and cancelled ones without a final tally; the oldest first.

    `after`: behind this moment of creation and id. One slice of everything, for the loop that closes messages (index
    messages_running). Whoever sends closes too; what was planned a moment ago, such as single sends by the thousand, is
    theirs.
    """
    rows = await db.fetch(
        "SELECT created_at, app_id, id FROM messages"
        " WHERE (state = 2 OR (state = 5 AND tally IS NULL))"
        "   AND (state = 5 OR planned_at < now() - interval '2 seconds')"
        "   AND ($1::timestamptz IS NULL OR (created_at, id) > ($1, $2))"
        " ORDER BY created_at, id LIMIT $3",
        after[0] if after else None,
        after[1] if after else 0,
        limit,
    )
    return [Running(**row) for row in rows]


def _message(row: Record) -> StoredMessage:
    values: dict[str, Any] = dict(row)
    values["content"] = msgspec.convert(values["content"], Content)
    values["audience"] = msgspec.convert(values["audience"], Audience)
    values["terms"] = msgspec.convert(values["terms"], Terms)
    values["approval"] = msgspec.convert(values["approval"], Approval | None)
    return StoredMessage(**values)
