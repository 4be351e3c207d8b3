"""Everything we hold on a person, for the person: one JSON document, written in pieces."""

from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final

import msgspec

from gateway.model.app import App
from gateway.model.delivery import REASONS, Code, state_of
from gateway.model.event import ReceiptKind
from gateway.model.ids import to_text
from gateway.model.limits import EXPORTED_MESSAGES_MAX, PERSON_EXPORT_ROWS
from gateway.model.person import Person
from gateway.store import histories, list_members, person_events, subscriptions, topics
from gateway.store.credentials import list_of_app as credentials_of_app
from gateway.store.database import Queryable
from gateway.subscribers.rows import line_of
from gateway.transports.base import Transport

_KINDS: Final = {kind.value: kind.name.lower() for kind in ReceiptKind}


async def told(
    db: Queryable, app: App, person: Person, transports: Mapping[str, Transport], *, user: bytes
) -> AsyncGenerator[bytes]:
    """`user` (JSON as the API shows it), `devices` with addresses, `lists`, `messages`, `reports`, `events`."""
    yield b'{"user":' + user
    devices = await subscriptions.get_many(db, app, person.subscriptions) if person.subscriptions else []
    names = {one.id: one.slug for one in await topics.list_of_app(db, app.id)}
    keys = {one.id: one.public_id for one in await credentials_of_app(db, app.id)}
    lines = [
        line_of(one, transports[one.provider], topic_names=names, credential_ids=keys)
        for one in devices
        if one.provider in transports
    ]
    yield b',"devices":[' + b",".join(lines) + b"]"
    slugs = await list_members.lists_of(db, app, person.name, person.subscriptions)
    yield b',"lists":' + msgspec.json.encode(slugs)
    yield b',"messages":' + await _messages(db, app, person)
    yield b',"reports":' + await _reports(db, app, person)
    yield b',"events":['
    async for piece in _events(db, app, person):
        yield piece
    yield b"]}"


async def _messages(db: Queryable, app: App, person: Person) -> bytes:
    found = [
        {
            "message": to_text("msg", one.message_id), "subscription": to_text("sub", number), "at": one.at,
            "state": state_of(Code(one.code)), "reason": REASONS.get(Code(one.code)),
        }
        for number in person.subscriptions
        for one in await histories.outcomes_of(db, app, number, EXPORTED_MESSAGES_MAX)
    ]  # fmt: skip
    return msgspec.json.encode(found)


async def _reports(db: Queryable, app: App, person: Person) -> bytes:
    found = [
        {
            "message": to_text("msg", one.message_id), "subscription": to_text("sub", number), "at": one.at,
            "kind": _KINDS.get(one.kind, str(one.kind)),
        }
        for number in person.subscriptions
        for one in await histories.receipts_of(db, app, number, EXPORTED_MESSAGES_MAX)
    ]  # fmt: skip
    return msgspec.json.encode(found)


async def _events(db: Queryable, app: App, person: Person) -> AsyncGenerator[bytes]:
    before = None
    comma = b""
    while page := await person_events.of_person(db, app, person.names, before=before, limit=PERSON_EXPORT_ROWS):
        before = page[-1].at, page[-1].id
        for one in page:
            shown: dict[str, Any] = {"id": one.id, "name": one.name, "at": one.at, "properties": one.data or {}}
            yield comma + msgspec.json.encode(shown)
            comma = b","
