"""Everything we hold on a person, for the person: one JSON document, written in pieces."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import datetime
from functools import reduce
from typing import Any, Final

import msgspec

from gateway.model.app import App
from gateway.model.choices import OWN, Choices, choices_of
from gateway.model.delivery import REASONS, Code, state_of
from gateway.model.event import ReceiptKind
from gateway.model.ids import to_text
from gateway.model.inbox import NOTHING_READ, Marks, reader_of_visitor
from gateway.model.limits import EXPORTED_MESSAGES_MAX, PERSON_EXPORT_ROWS, POSITION_DEVICE_DECIMALS
from gateway.model.person import Person
from gateway.model.subscriber import PLATFORM_NAMES, Subscription
from gateway.policy.owners import owner_of
from gateway.store import (
    coupon_given,
    geofences,
    histories,
    inbox_marks,
    list_members,
    person_events,
    subscriptions,
    topics,
    visitors,
)
from gateway.store.credentials import list_of_app as credentials_of_app
from gateway.store.database import Queryable
from gateway.store.persons import person_bucket_of
from gateway.subscribers.choices import choices_shown
from gateway.subscribers.consent_book import of_person, shown
from gateway.subscribers.rows import line_of
from gateway.transports.base import Transport

_KINDS: Final = {kind.value: kind.name.lower() for kind in ReceiptKind}


async def told(
    db: Queryable, app: App, person: Person, transports: Mapping[str, Transport], *, user: bytes, now: datetime
) -> AsyncGenerator[bytes]:
    """One object, in the order of its fields.

    `user` (JSON as the API shows it), `devices` with addresses, `places` where they are, `choices` made on them before
    they were anybody's, `lists`, `codes` of coupons, `messages`, `reports`, `consents`, `inbox` (visitors, and what was
    read), `events`.
    """
    yield b'{"user":' + user
    devices = await subscriptions.get_many(db, app, person.subscriptions) if person.subscriptions else []
    names = {one.id: one.slug for one in await topics.list_of_app(db, app.id)}
    keys = {one.id: one.public_id for one in await credentials_of_app(db, app.id)}
    lines = [
        line_of(one, transports[one.provider], topic_names=names, credential_ids=keys, now=now)
        for one in devices
        if one.provider in transports
    ]
    yield b',"devices":[' + b",".join(lines) + b"]"
    yield b',"places":' + msgspec.json.encode(await _places(db, app, devices))
    yield b',"choices":' + msgspec.json.encode(_choices(devices, now))
    slugs = await list_members.lists_of(db, app, person.name, person.subscriptions)
    yield b',"lists":' + msgspec.json.encode(slugs)
    yield b',"codes":' + msgspec.json.encode(await _codes(db, app, person))
    yield b',"messages":' + await _messages(db, app, person)
    yield b',"reports":' + await _reports(db, app, person)
    agreed = [shown(one) for one in await of_person(db, app, person)]
    yield b',"consents":' + msgspec.json.encode(agreed)
    yield b',"inbox":' + await _inbox(db, app, person)
    yield b',"events":['
    async for piece in _events(db, app, person):
        yield piece
    yield b"]}"


async def _places(db: Queryable, app: App, devices: Sequence[Subscription]) -> list[dict[str, Any]]:
    """Devices of which no more than a country is known are left out: their line has that."""
    slugs = {fence.id: fence.slug for fence in await geofences.list_of_app(db, app.id)}
    found: list[dict[str, Any]] = []
    for one in devices:
        visits = await geofences.visits_of(db, app, one.id) if slugs else None
        place = {
            "region": one.region,
            "city": one.city,
            "lat": None if one.lat is None else round(one.lat, POSITION_DEVICE_DECIMALS),
            "lon": None if one.lon is None else round(one.lon, POSITION_DEVICE_DECIMALS),
            "geofences": sorted(slugs[number] for number in visits.fences & slugs.keys()) if visits else [],
        }
        if any(place.values()):
            found.append({"subscription": to_text("sub", one.id), **place})
    return found


def _choices(devices: Sequence[Subscription], now: datetime) -> list[dict[str, Any]]:
    """What the person chose otherwise, or since, is in `user`."""
    return [
        {"subscription": to_text("sub", one.id), **msgspec.structs.asdict(choices_shown(own, now=now))}
        for one in devices
        if (own := choices_of({OWN: one.own}, None)) != Choices()
    ]


async def _codes(db: Queryable, app: App, person: Person) -> list[str]:
    given = [
        one.code
        for name in person.names
        for one in await coupon_given.of_person(
            db, app_id=app.id, bucket=person_bucket_of(app, owner_of(name, 0)), owner=owner_of(name, 0)
        )
    ]
    return sorted(set(given))


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


async def _inbox(db: Queryable, app: App, person: Person) -> bytes:
    """The browsers that they read in without a push address, and what they have read."""
    known = await visitors.of_person(db, app, person.names)
    readers = [
        *(owner_of(name, 0) for name in person.names),
        *(owner_of(None, one) for one in person.subscriptions),
        *(reader_of_visitor(one.id) for one in known),
    ]
    marks = reduce(Marks.joined, await inbox_marks.of_readers(db, app, readers), NOTHING_READ)
    shown = [
        {
            "id": to_text("vis", one.id), "language": one.locale, "timezone": one.timezone, "country": one.country,
            "region": one.region, "city": one.city, "platform": PLATFORM_NAMES.get(one.platform, "other"),
            "created_at": one.created_at, "seen_at": one.seen_at,
        }
        for one in known
    ]  # fmt: skip
    read = [to_text("msg", one) for one in dict.fromkeys(marks.read)]
    return msgspec.json.encode({"visitors": shown, "read_before": marks.read_before, "read": read})


async def _events(db: Queryable, app: App, person: Person) -> AsyncGenerator[bytes]:
    before = None
    comma = b""
    while page := await person_events.of_person(db, app, person.names, before=before, limit=PERSON_EXPORT_ROWS):
        before = page[-1].at, page[-1].id
        for one in page:
            shown: dict[str, Any] = {"id": one.id, "name": one.name, "at": one.at, "properties": one.data or {}}
            yield comma + msgspec.json.encode(shown)
            comma = b","
