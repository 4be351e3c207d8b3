"""Who reads an inbox: a device that was sent to, or a visitor who would have been."""

from datetime import datetime
from functools import reduce

import msgspec

from gateway.model.app import App
from gateway.model.delivery import Device
from gateway.model.errors import NotFound
from gateway.model.inbox import NOTHING_READ, Marks, Visitor, reader_of_visitor
from gateway.model.limits import INBOX_DEVICES_MAX
from gateway.model.person import Person, copy_of
from gateway.model.subscriber import SubscriptionState
from gateway.policy.owners import owner_of
from gateway.store import inbox_marks, looked_at, profiles
from gateway.store.database import Queryable
from gateway.store.looked_at import LookedAt


class Reader(msgspec.Struct, frozen=True, kw_only=True):
    """What decides what somebody finds in the inbox.

    own: under which name it stands what this device or visitor has read. person: whose it is, with all `names`.
    devices: what was sent to one of these is in the inbox. looked: what is known of the device or visitor itself.
    known_since: a visitor finds nothing from before; None for a device, which finds what it was sent.
    """

    own: str
    person: str | None
    names: tuple[str, ...]
    devices: tuple[int, ...]
    looked: LookedAt
    known_since: datetime | None

    @property
    def is_visitor(self) -> bool:
        """Whether nothing can be sent to it."""
        return self.known_since is not None

    @property
    def marked_as(self) -> str:
        """Under which name it is noted what is read from now on: the person's, on all devices."""
        return self.own if self.person is None else owner_of(self.person, 0)

    @property
    def device(self) -> Device:
        """As texts see it."""
        row = self.looked
        return Device(
            row.id, row.provider, 0, b"", row.platform, row.locale, None, row.person, row.timezone, row.country,
            row.attrs, row.facts, row.geo_timezone,
        )  # fmt: skip


async def reader_of_device(db: Queryable, app: App, subscription_id: int) -> Reader:
    """A device, with all others of its person. Raises `NotFound`."""
    rows = await looked_at.look_at(db, app, [subscription_id])
    if not rows:
        raise NotFound("subscription")
    person = await _person(db, app, rows[0].person)
    others = () if person is None else person.subscriptions[-INBOX_DEVICES_MAX:]
    return Reader(
        own=owner_of(None, subscription_id),
        person=None if person is None else person.name,
        names=() if person is None else tuple(person.names),
        devices=tuple(dict.fromkeys((subscription_id, *others))),
        looked=rows[0],
        known_since=None,
    )


async def reader_of_visitor_row(db: Queryable, app: App, visitor: Visitor, *, channel: str) -> Reader:
    """A visitor, as if it were a device of this channel; with the devices of its person."""
    person = await _person(db, app, visitor.person)
    return Reader(
        own=reader_of_visitor(visitor.id),
        person=None if person is None else person.name,
        names=() if person is None else tuple(person.names),
        devices=() if person is None else person.subscriptions[-INBOX_DEVICES_MAX:],
        looked=await _as_device(db, app, visitor, person, channel),
        known_since=visitor.created_at if person is None else min(visitor.created_at, person.created_at),
    )


async def _person(db: Queryable, app: App, name: str | None) -> Person | None:
    return None if name is None else await profiles.get(db, app, name)


async def _as_device(db: Queryable, app: App, visitor: Visitor, person: Person | None, channel: str) -> LookedAt:
    """What a device of this person would carry."""
    facts = None
    if person is not None:
        facts = copy_of(person.profile, person.events, devices=len(person.subscriptions), version=person.version)
    return LookedAt(
        id=visitor.id,
        state=SubscriptionState.ACTIVE,
        provider=channel,
        platform=visitor.platform,
        locale=visitor.locale,
        person=None if person is None else person.name,
        country=visitor.country,
        region=visitor.region,
        city=visitor.city,
        lat=None,
        lon=None,
        located_by=None,
        timezone=visitor.timezone,
        geo_timezone=None,
        created_at=visitor.created_at,
        enrolled_at=visitor.created_at,
        seen_at=visitor.seen_at,
        topics=[],
        lists=[] if person is None else await profiles.lists_of(db, app, person.name),
        attrs=None,
        facts=facts,
    )


async def marks_of(db: Queryable, app: App, reader: Reader) -> Marks:
    """What is read: by the browser before its login, and by the person."""
    readers = list(dict.fromkeys((reader.own, reader.marked_as)))
    return reduce(Marks.joined, await inbox_marks.of_readers(db, app, readers), NOTHING_READ)


def speaking(reader: Reader, language: str | None) -> Reader:
    """The reader, who reads this language at the moment; None leaves it."""
    if language is None:
        return reader
    return msgspec.structs.replace(reader, looked=msgspec.structs.replace(reader.looked, locale=language))
