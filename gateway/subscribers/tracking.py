"""Events of a whole process on their way in: from shops' servers, and from devices, which prove themselves.

All that comes within a moment is written together (`store.group_commit`): each person and each device is read, locked
and written once, however many events there are of them. What a device tracks is its person's; while it is nobody's it
is kept for the device, whose filters see it at once, and becomes the person's at the login (`adopt`).
"""

from collections import Counter
from collections.abc import Collection, Sequence
from enum import Enum

import msgspec

from gateway.model.app import App
from gateway.model.errors import GatewayError, StoreUnavailable
from gateway.model.limits import (
    DEVICE_EVENTS_ADOPTED_MAX,
    EVENT_BATCH_MAX,
    EVENT_FLUSH_S,
    EVENT_QUEUE_MAX,
    EVENT_RETRY_S,
    PEOPLE_WRITE_ATTEMPTS_MAX,
)
from gateway.policy.event_facts import amount_of, with_event
from gateway.store import device_events
from gateway.store.database import Connection, Database, Queryable
from gateway.store.device_events import Claimant, DeviceEvent
from gateway.store.group_commit import GroupCommit
from gateway.subscribers.events import Event, taken_in
from gateway.subscribers.secret import hash_of, is_hash
from gateway.telemetry import EVENTS


class Fate(Enum):
    """What became of an event."""

    COUNTED = "counted"
    REPEATED = "repeated"
    DENIED = "denied"
    """The device's secret does not fit, or it is no subscriber."""


class Taken(msgspec.Struct, frozen=True):
    """What became of events: how many count, and how many were known already."""

    accepted: int
    duplicates: int


class Claim(msgspec.Struct, frozen=True):
    """Which device somebody says they are, and the hash of the secret they showed."""

    subscription_id: int
    secret_hash: bytes

    def is_of(self, known: Claimant | None) -> bool:
        """Whether it is true; takes as long for a device that does not exist."""
        return is_hash(self.secret_hash, None if known is None else known.secret_hash)


class _Told(msgspec.Struct, frozen=True):
    """An event on its way: of a person, or of the device of a claim."""

    app: App
    event: Event
    claim: Claim | None


_End = Fate | StoreUnavailable
"""What became of an event, or why it was not written."""


class Tracker:
    """Takes events for the whole process. Close it before the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._together: GroupCommit[_Told, _End] = GroupCommit(
            self._write,
            flush_s=EVENT_FLUSH_S,
            batch_max=EVENT_BATCH_MAX,
            waiting_max=EVENT_QUEUE_MAX,
            retry_after_s=EVENT_RETRY_S,
        )

    async def take(self, app: App, events: Sequence[Event]) -> Taken:
        """Events of people, told by the shop: all are committed when it returns, or none.

        Raises:
            GatewayError: 429 while too many wait, 503 where the database is away; nothing was written then.
        """
        return _summed(await self._put([_Told(app, one, None) for one in events]), "server")

    async def take_from(self, app: App, subscription_id: int, secret: str, events: Sequence[Event]) -> Taken:
        """Events of a device that shows its secret. Raises as `take` does, and `secret_invalid`."""
        claim = Claim(subscription_id, hash_of(secret))
        fates = await self._put([_Told(app, one, claim) for one in events])
        if Fate.DENIED in fates:
            raise GatewayError(
                "secret_invalid", "The device secret does not fit this subscription.", kind="authentication"
            )
        return _summed(fates, "device")

    async def aclose(self) -> None:
        """Writes what waits."""
        await self._together.aclose()

    async def _put(self, told: Sequence[_Told]) -> list[Fate]:
        try:
            return [_fate_of(end) for end in await self._together.put(told)]
        except GatewayError as fault:
            if fault.kind == "rate_limit":
                EVENTS.labels("any", "refused").inc(len(told))
            raise

    async def _write(self, told: Sequence[_Told]) -> Sequence[_End]:
        """App after app: one that cannot be written now takes nothing away from the others."""
        by_app: dict[int, list[int]] = {}
        for place, one in enumerate(told):
            by_app.setdefault(one.app.id, []).append(place)
        ends: list[_End] = [Fate.DENIED] * len(told)
        for places in by_app.values():
            some = [told[place] for place in places]
            for place, end in zip(places, await _written(self._database, some[0].app, some), strict=True):
                ends[place] = end
        return ends


def _fate_of(end: _End) -> Fate:
    if isinstance(end, StoreUnavailable):
        raise end
    return end


async def _written(db: Queryable, app: App, told: Sequence[_Told]) -> Sequence[_End]:
    """What became of each, all of one app."""
    fates = [Fate.DENIED] * len(told)
    open_ones = list(range(len(told)))
    try:
        for _ in range(PEOPLE_WRITE_ATTEMPTS_MAX):
            open_ones = await _attempt(db, app, told, open_ones, fates)
            if not open_ones:
                break
    except StoreUnavailable as fault:
        # People's events may be committed by then: told that they are not, a server would bring them again.
        return [fault if fate is Fate.DENIED else fate for fate in fates]
    return fates


async def _attempt(
    db: Queryable, app: App, told: Sequence[_Told], places: Sequence[int], fates: list[Fate]
) -> list[int]:
    """Writes these and notes their fates; those are left over whose device found a person in this moment."""
    ids = {claim.subscription_id for place in places if (claim := told[place].claim) is not None}
    known = await device_events.claimants(db, app, ids) if ids else {}
    named: dict[int, Event] = {}
    nameless: dict[int, DeviceEvent] = {}
    for place in places:
        event, claim = told[place].event, told[place].claim
        if claim is None:
            named[place] = event
            continue
        claimant = known.get(claim.subscription_id)
        if not claim.is_of(claimant):
            continue
        assert claimant is not None
        if claimant.person is None:
            nameless[place] = _of_device(event, claim.subscription_id)
        else:
            named[place] = msgspec.structs.replace(event, user=claimant.person, is_of_device=True)
    if named:
        counting = await taken_in(db, app, list(named.values()))
        fates_of_named = dict(zip(named, counting, strict=True))
        for place, is_new in fates_of_named.items():
            fates[place] = Fate.COUNTED if is_new else Fate.REPEATED
    return await _keep(db, app, nameless, fates) if nameless else []


async def _keep(db: Queryable, app: App, events: dict[int, DeviceEvent], fates: list[Fate]) -> list[int]:
    """Stores events of devices that are nobody's; returns those whose device is somebody's by now."""
    async with db.transaction() as tx:
        held, left = await _stored(tx, app, events.values())
    for place, one in events.items():
        key = one.subscription_id, one.id
        if one.subscription_id in held:
            fates[place] = Fate.COUNTED if key in left else Fate.REPEATED
            left.discard(key)
    return [place for place, one in events.items() if one.subscription_id not in held]


async def _stored(
    tx: Connection, app: App, events: Collection[DeviceEvent]
) -> tuple[Collection[int], set[tuple[int, str]]]:
    """Which of the devices are nobody's still, and (device, id) of each event of theirs that is new."""
    held = await device_events.lock_nameless(tx, app, {one.subscription_id for one in events})
    wanted = {(one.subscription_id, one.id): one for one in events if one.subscription_id in held}
    fresh = await device_events.insert(tx, app, list(wanted.values())) if wanted else set()
    for key in fresh:
        one = wanted[key]
        amount = amount_of(one.data or {}, currency=app.own.currency)
        facts = with_event(held[one.subscription_id], one.name, at_s=int(one.at.timestamp()), amount=amount)
        held[one.subscription_id] = facts
    if fresh:
        await device_events.save_facts(tx, app, {number: held[number] for number, _ in fresh})
    return held, fresh


async def adopt(db: Queryable, app: App, subscription_id: int, person: str) -> int:
    """Gives the person what their device tracked before they logged in; how many events counted for them.

    Of more than `DEVICE_EVENTS_ADOPTED_MAX` the latest. Nothing is left for whoever logs in there next. Call it once
    the device is theirs. After a crash in between, the next login goes on; nothing counts twice.
    """
    found = await device_events.of_device(db, app, subscription_id, limit=DEVICE_EVENTS_ADOPTED_MAX)
    if not found:
        return 0
    counting = await taken_in(db, app, [_of_person(one, person) for one in reversed(found)])
    await device_events.delete_of_devices(db, app, [subscription_id])
    return sum(counting)


def _of_device(event: Event, subscription_id: int) -> DeviceEvent:
    return DeviceEvent(
        subscription_id=subscription_id, id=event.id, name=event.name, at=event.at, data=event.properties or None
    )


def _of_person(event: DeviceEvent, person: str) -> Event:
    return Event(
        name=event.name,
        user=person,
        at=event.at,
        properties=event.data or {},
        id=event.id,
        is_repeatable=True,
        is_of_device=True,
    )


def _summed(fates: Sequence[Fate], source: str) -> Taken:
    count = Counter(fates)
    for fate, n in count.items():
        EVENTS.labels(source, fate.value).inc(n)
    return Taken(count[Fate.COUNTED], count[Fate.REPEATED])
