"""What people do, as the shop's server tells it: each event counts once, in the history and in the facts of the person.

An event that was told twice is known by its `id`; without one, by all that it says, if it says when it happened. Who is
told of and not known yet is made. `taken_in` is the way in for everybody who has events of people to tell: the API and
devices (`tracking.py`), crossings of geofences, and what a device tracked before its person logged in.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from gateway.model.app import App
from gateway.model.errors import Invalid
from gateway.model.ids import new_id
from gateway.model.limits import (
    EVENT_AHEAD_S,
    EVENT_BYTES_MAX,
    EVENT_ID_CHARS_MAX,
    EVENT_KEPT_DAYS,
    EVENT_NAME_CHARS_MAX,
    EVENT_VALUE_MAX,
)
from gateway.policy.commerce import fault_of
from gateway.policy.event_facts import AMOUNTS, amount_of, with_event
from gateway.store import person_events, profiles
from gateway.store.database import Connection, Queryable
from gateway.store.person_events import StoredEvent
from gateway.subscribers import people
from gateway.subscribers.preferences import check_external_id

_DAY: Final = timedelta(days=1)
_HASH_BYTES: Final = 16


class EventFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An event as it comes in. `at`: now, where it is left out."""

    name: str
    user: str
    at: datetime | None = None
    properties: dict[str, Any] = {}
    id: str | None = None


class DeviceEventFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that was done on a device. `value`, or what `items` cost together, is what it is worth.

    The same `id` of the same device counts once. A `purchase` without one is known by its `transaction_id`.
    """

    name: str
    at: datetime | None = None
    properties: dict[str, Any] = {}
    id: str | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An event, checked. `user` is empty while it is only known on which device it was.

    is_repeatable: the same id on a day close by is the same event, told again. is_of_device: only their device named
    the user, so that it is nobody's once they are erased.
    """

    name: str
    user: str
    at: datetime
    properties: dict[str, Any]
    id: str
    is_repeatable: bool
    is_of_device: bool = False


def event_of(said: EventFields, *, now: datetime, param: str = "") -> Event:
    """The event, checked. Raises `Invalid`; `param` stands before the name of the field, such as `[3].`."""
    return _event_of(said, check_external_id(said.user, param=f"{param}user"), now=now, param=param)


def device_event_of(said: DeviceEventFields, *, now: datetime, param: str = "") -> Event:
    """The same of what a device says, whose person is not known yet. Money and items are held to `policy.commerce`."""
    fault = fault_of(said.properties)
    if fault is not None:
        path, text = fault
        raise Invalid("field_invalid", text, param=f"{param}properties.{path}")
    return _event_of(said, "", now=now, param=param)


def _event_of(said: EventFields | DeviceEventFields, user: str, *, now: datetime, param: str) -> Event:
    name = said.name
    if not name or len(name) > EVENT_NAME_CHARS_MAX or not name.isprintable():
        text = f"An event's name has 1 to {EVENT_NAME_CHARS_MAX} printable characters."
        raise Invalid("field_invalid", text, param=f"{param}name")
    at = now if said.at is None else _moment(said.at, now=now, param=f"{param}at")
    _check_properties(said.properties, param=f"{param}properties")
    own_id = _own_id_of(said)
    return Event(
        name=name,
        user=user,
        at=at,
        properties=said.properties,
        id=_id_of(said, own_id, user, param=f"{param}id"),
        is_repeatable=own_id is not None,
    )


def _moment(at: datetime, *, now: datetime, param: str) -> datetime:
    if at.tzinfo is None:
        raise Invalid("field_invalid", "A time needs its zone, such as 2026-12-01T09:00:00Z.", param=param)
    if at > now + timedelta(seconds=EVENT_AHEAD_S):
        raise Invalid("field_invalid", "This time is yet to come.", param=param)
    if at < now - EVENT_KEPT_DAYS * _DAY:
        raise Invalid(
            "field_invalid",
            f"Events are kept for {EVENT_KEPT_DAYS} days: an older one could not be told from a repetition.",
            param=param,
        )
    return at.astimezone(UTC)


def _check_properties(properties: dict[str, Any], *, param: str) -> None:
    if len(msgspec.json.encode(properties)) > EVENT_BYTES_MAX:
        raise Invalid("field_invalid", f"Properties take at most {EVENT_BYTES_MAX} bytes.", param=param)
    for name in AMOUNTS:
        value = properties.get(name)
        if isinstance(value, int | float) and not abs(value) <= EVENT_VALUE_MAX:  # NaN is not either
            raise Invalid("field_invalid", f"An amount is at most {EVENT_VALUE_MAX:.0f}.", param=f"{param}.{name}")


def _own_id_of(said: EventFields | DeviceEventFields) -> str | None:
    """The teller's own id; of a purchase its transaction: a thank-you page is loaded again, the server tells it too."""
    transaction = said.properties.get("transaction_id")
    if said.id is None and said.name == "purchase" and isinstance(transaction, str) and transaction:
        own_id = f"transaction:{transaction}"
        return own_id if _is_id(own_id) else f"transaction:-{_digest(transaction.encode())}"
    return said.id


def _id_of(said: EventFields | DeviceEventFields, own_id: str | None, user: str, *, param: str) -> str:
    """The teller's own id, or one made of what the event says; without a time nothing tells two events apart."""
    if own_id is not None:
        if not _is_id(own_id):
            text = f"An event's id has 1 to {EVENT_ID_CHARS_MAX} printable characters."
            raise Invalid("field_invalid", text, param=param)
        return own_id
    if said.at is None:
        return f"-{new_id():x}"
    content = msgspec.json.encode([said.name, user, said.at.astimezone(UTC), said.properties], order="deterministic")
    return f"-{_digest(content)}"


def _is_id(text: str) -> bool:
    return 0 < len(text) <= EVENT_ID_CHARS_MAX and text.isprintable()


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=_HASH_BYTES).hexdigest()


async def taken_in(db: Queryable, app: App, events: Sequence[Event]) -> list[bool]:
    """Stores those that are new and adds them to what is known of their people: all of them, or none.

    Answers of each event whether it counts; False: it was known already, stands here twice, or is of nobody any more.
    The facts are on the devices when it returns, or, if the process dies, a few seconds later.
    """
    currency = app.own.currency

    async def work(tx: Connection, own: people.Own) -> tuple[list[bool], list[str]]:
        await people.made(tx, app, {own[one.user] for one in events if not one.is_of_device})
        held = await profiles.lock(tx, app, set(own.values()))
        aliases = {alias: one.name for one in held.values() for alias in one.names}
        candidates = [one for one in _distinct(events, own) if one.stored.person in held]
        fresh = await _new_ones(tx, app, candidates, aliases)
        facts = {name: one.events for name, one in held.items()}
        for one in fresh:
            facts[one.person] = with_event(
                facts[one.person],
                one.name,
                at_s=int(one.at.timestamp()),
                amount=amount_of(one.data or {}, currency=currency),
            )
        touched = {one.person for one in fresh}
        if touched:
            await profiles.save_events(tx, app, {name: facts[name] for name in touched})
        return _counting(events, own, fresh), [name for name in touched if held[name].subscriptions]

    counting, behind = await people.write(db, app, [one.user for one in events], work)
    await people.copied(db, app, behind)
    return counting


def _counting(events: Sequence[Event], own: people.Own, fresh: Sequence[StoredEvent]) -> list[bool]:
    """Of each event whether it is the one that was stored."""
    left = {(one.person, one.id) for one in fresh}
    counting: list[bool] = []
    for event in events:
        key = own[event.user], event.id
        counting.append(key in left)
        left.discard(key)
    return counting


class _Candidate(msgspec.Struct, frozen=True):
    stored: StoredEvent
    is_repeatable: bool


def _distinct(events: Sequence[Event], own: people.Own) -> list[_Candidate]:
    """One of each id of a person, in the order in which they came."""
    found: dict[tuple[str, str], _Candidate] = {}
    for one in events:
        stored = StoredEvent(
            person=own[one.user],
            id=one.id,
            day=one.at.date(),
            name=one.name,
            at=one.at,
            data=one.properties or None,
        )
        found.setdefault((stored.person, stored.id), _Candidate(stored, one.is_repeatable))
    return list(found.values())


async def _new_ones(
    tx: Connection, app: App, candidates: Sequence[_Candidate], aliases: dict[str, str]
) -> list[StoredEvent]:
    """Stores what is new. A repetition may come after midnight, without a time of its own, or under another name."""
    asked = [one.stored for one in candidates if one.is_repeatable]
    told: set[tuple[str, str]] = set()
    if asked:
        names: dict[str, list[str]] = {}
        for alias, name in aliases.items():
            names.setdefault(name, []).append(alias)
        pairs = [(name, one.id) for one in asked for name in names[one.person]]
        days = [one.day for one in asked]
        known = await person_events.known(tx, app, pairs, since=min(days) - _DAY, until=max(days) + _DAY)
        told = {(aliases[name], event_id) for name, event_id in known}
    wanted = [one.stored for one in candidates if (one.stored.person, one.stored.id) not in told]
    if not wanted:
        return []
    stored = await person_events.insert(tx, app, wanted)
    return [one for one in wanted if (one.person, one.id, one.day) in stored]
