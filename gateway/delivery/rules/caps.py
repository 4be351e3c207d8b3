"""Frequency caps: nobody gets more than the app, and they themselves, allow within a period.

Where the app has set none, only those are counted who chose one themselves.

Counted per person: what came to another device of theirs counts as well, and a message on two of them counts once. On a
device the count is exact, whatever is sent at once; of other devices in other stretches it lags by what is on the way
there, and at most `pressure.LAG_S`.
"""

import asyncio
import contextlib
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from gateway.delivery.group import Decision, Prepared
from gateway.delivery.keys import Keys, app_if_there
from gateway.delivery.pressure import Pressure
from gateway.delivery.stretch import Stay, Stretch, StretchKey
from gateway.model.app import App
from gateway.model.cap import Window, own_windows_of, windows_of
from gateway.model.delivery import Code, Device
from gateway.model.ids import bucket_of_id, ids_of_stretch, stretch_of
from gateway.model.work import Chunk
from gateway.policy.caps import Kind, Seen, frees_at_s, kind_of
from gateway.policy.ending import Again, End, Fate
from gateway.store.database import Database
from gateway.store.persons import subscriptions_of

_CAPPED: Final = End(Code.SKIPPED_CAPPED)
_TURN_S: Final = 0.5
"""Who finds the stretch with another process asks again after so long."""
_ON_THE_WAY_S: Final = 1.0
"""So long a group waits for those who are being sent something else; then it goes without them."""
_BOTH: Final = (Kind.MARKETING, Kind.TRANSACTIONAL)
_MINUTE_S: Final = 60.0


class Caps:
    """A rule for marketing. Caps are as they are set at the moment."""

    def __init__(self, db: Database, keys: Keys, pressure: Pressure) -> None:
        self._db = db
        self._keys = keys
        self._pressure = pressure

    async def decide(self, ready: Prepared, chunk: Chunk, devices: Sequence[Device], *, now: datetime) -> Decision:
        """Skips or puts off whoever has had enough, and holds on to the others until they are settled."""
        app = await app_if_there(self._keys, ready.message.app_id)
        if app is None:
            return Decision()
        if app.own.caps is None:
            devices = [device for device in devices if own_windows_of(device.facts, device.attrs)]
        if not devices:
            return Decision()
        by_stretch = _by_stretch(app, devices)
        async with contextlib.AsyncExitStack() as stack:
            held: list[Stretch] = []
            for number in sorted(by_stretch):
                ids = ids_of_stretch(number, spread=app.spread)
                inside = self._pressure.inside((app.id, chunk.key.bucket, number), ids)
                stretch = await stack.enter_async_context(inside)
                if stretch is None:  # all of it or nothing: a group in pieces would come back in more of them each time
                    return _later((device.subscription_id for device in devices), _TURN_S)
                held.append(stretch)
            decisions: list[Decision] = []
            try:
                for stretch in held:
                    asked = _Asked(app, ready, by_stretch[stretch.key[2]], now=now)
                    # What was torn itself goes first, or two would wait for each other.
                    if not chunk.torn and await self._pressure.is_torn(stretch, asked.ids, besides=ready.message.id):
                        decisions.append(_later(asked.ids, _ON_THE_WAY_S))
                        continue
                    decisions.append(await self._decided(asked, stretch))
            except BaseException:
                for stay in (stay for decision in decisions for stay in decision.stays):
                    stay.left()
                raise
        return Decision(
            fates={one: fate for decision in decisions for one, fate in decision.fates.items()},
            stays=tuple(stay for decision in decisions for stay in decision.stays),
        )

    async def _decided(self, asked: "_Asked", stretch: Stretch) -> Decision:
        """The decision about those of a group who lie in one stretch."""
        others = await self._other_devices(asked)
        # Kept in hand until all is counted: where memory is short, one looked for again would be a new one, and empty.
        near = {place: self._elsewhere(asked.app, place) for place in others.places(stretch.key)}
        near[stretch.key] = stretch
        if await self._has_nobody_near(asked, stretch, near.values()):
            return Decision(stays=_stays(asked, stretch, asked.ids))
        busy = await self._arrived(asked, stretch, near.values(), others)
        if not self._pressure.is_ours(stretch):
            return _later(asked.ids, _TURN_S)
        seen = self._seen(asked, stretch, near, others)
        fates = {**_fates(asked, seen), **dict.fromkeys(busy, _again(_ON_THE_WAY_S))}
        return Decision(fates=fates, stays=_stays(asked, stretch, asked.ids.difference(fates)))

    async def _has_nobody_near(self, asked: "_Asked", stretch: Stretch, near: Collection[Stretch]) -> bool:
        """Whether fewer messages came than the smallest cap allows, with all that are on their way.

        Then nobody has to know who got which, nor to wait for those who are being sent something else.
        """
        for one in near:
            await self._pressure.tallied(one, since_s=asked.since_s, kinds=asked.kinds)
        messages = set[int]().union(*(one.messages() for one in near)) - {asked.ready.message.id}
        at_most = len(messages) + sum(one.tally.most_alone for one in near)
        return at_most < asked.fewest and self._pressure.is_ours(stretch)

    async def _arrived(
        self, asked: "_Asked", stretch: Stretch, near: Collection[Stretch], others: "_Others"
    ) -> set[int]:
        """Waits a moment for those who are being sent something else; who still is. Everything is up to date then."""
        until_s = asyncio.get_running_loop().time() + _ON_THE_WAY_S
        while True:
            for one in near:
                await self._pressure.up_to_date(one, since_s=asked.since_s, kinds=asked.kinds)
            busy = self._busy(asked, near, others)
            left_s = until_s - asyncio.get_running_loop().time()
            if not busy or left_s <= 0:
                return busy
            await stretch.change(left_s)

    def _elsewhere(self, app: App, key: StretchKey) -> Stretch:
        return self._pressure.seen_elsewhere(key, ids_of_stretch(key[2], spread=app.spread))

    def _busy(self, asked: "_Asked", stretches: Iterable[Stretch], others: "_Others") -> set[int]:
        """Who of the group is being sent another message, on this or another device."""
        busy: set[int] = set()
        for stretch in stretches:
            under_way = stretch.on_their_way(asked.ids | others.ids, besides=asked.ready.message.id)
            busy |= under_way & asked.ids
            busy.update(one for one, devices in others.of.items() if not under_way.isdisjoint(devices))
        return busy

    def _seen(
        self, asked: "_Asked", stretch: Stretch, near: Mapping[StretchKey, Stretch], others: "_Others"
    ) -> Mapping[int, tuple[Seen, ...]]:
        """What each of the group got, on all devices of theirs."""
        message_id = asked.ready.message.id
        seen = dict(stretch.recent.of(asked.ids, besides=message_id))
        for place, ids in others.by_place.items():
            there = near[place].recent.of(ids, besides=message_id)
            for one, devices in others.of.items() if there else ():
                for device in devices:
                    seen[one] = seen.get(one, ()) + there.get(device, ())
        return seen

    async def _other_devices(self, asked: "_Asked") -> "_Others":
        """The other devices of those who have several: one look-up for all of the group, and none where nobody has."""
        several = {
            d.subscription_id: d.person for d in asked.devices if d.person and (d.facts or {}).get("devices", 1) > 1
        }
        if not several:
            return _Others({}, {})
        app, persons = asked.app, sorted(set(several.values()))
        subs = await subscriptions_of(self._db, app, persons)
        of = {one: frozenset(subs.get(person, ())) - {one} for one, person in several.items()}
        by_place: dict[StretchKey, set[int]] = {}
        for number in frozenset[int]().union(*of.values()):
            bucket = bucket_of_id(number, home=app.home, spread=app.spread)
            by_place.setdefault((app.id, bucket, stretch_of(number, spread=app.spread)), set()).add(number)
        return _Others(of, by_place)


class _Asked:
    """Those of a group who lie in one stretch, with what is the same for all of them."""

    def __init__(self, app: App, ready: Prepared, devices: Sequence[Device], *, now: datetime) -> None:
        self.app = app
        self.ready = ready
        self.devices = devices
        self.windows = windows_of(app.own.caps or ())
        self.own = {d.subscription_id: own for d in devices if (own := own_windows_of(d.facts, d.attrs))}
        self.ids = frozenset(device.subscription_id for device in devices)
        self.kind = kind_of(ready.message.terms.category)
        self.now_s = now.timestamp()
        every = [*self.windows, *(window for own in self.own.values() for window in own)]
        self.fewest = min((window.max for window in every), default=0)
        self.since_s = self.now_s - max((window.per_s for window in every), default=0.0)
        self.kinds = (Kind.MARKETING,) if all(window.is_of_marketing for window in every) else _BOTH


class _Others(msgspec.Struct, frozen=True):
    """Other devices of the same people: by the device in the group, and by the stretch that they lie in."""

    of: Mapping[int, frozenset[int]]
    by_place: Mapping[StretchKey, set[int]]

    @property
    def ids(self) -> frozenset[int]:
        """All of them."""
        return frozenset[int]().union(*self.by_place.values())

    def places(self, besides: StretchKey) -> list[StretchKey]:
        """Where they lie, but for the group's own stretch."""
        return [place for place in self.by_place if place != besides]


def _stays(asked: _Asked, stretch: Stretch, passed: frozenset[int]) -> tuple[Stay, ...]:
    return (stretch.stay(asked.ready.message.id, asked.kind, passed),) if passed else ()


def _by_stretch(app: App, devices: Sequence[Device]) -> dict[int, list[Device]]:
    found: dict[int, list[Device]] = {}
    for device in devices:
        found.setdefault(stretch_of(device.subscription_id, spread=app.spread), []).append(device)
    return found


def _fates(asked: _Asked, seen: Mapping[int, tuple[Seen, ...]]) -> dict[int, Fate]:
    """Who has had enough. Most of a group got the same messages together: each such case is looked at once."""
    known: dict[tuple[object, ...], Fate | None] = {}
    fates: dict[int, Fate] = {}
    for one, got in seen.items():
        windows = asked.windows + asked.own.get(one, ())
        case = (windows, *map(id, got))
        if case not in known:
            known[case] = _fate(asked, windows, got)
        fate = known[case]
        if fate is not None:
            fates[one] = fate
    return fates


def _fate(asked: _Asked, windows: Sequence[Window], got: Sequence[Seen]) -> Fate | None:
    at_s = frees_at_s(windows, got, now_s=asked.now_s)
    if at_s is None:
        return None
    message = asked.ready.message
    if message.terms.on_cap == "drop" or at_s >= message.expires_at.timestamp():
        return _CAPPED
    wait_s = at_s - asked.now_s
    if wait_s < _MINUTE_S:
        return _again(wait_s)
    # Of a campaign that took an hour, everybody's window frees at another second: they come back by the minute.
    by_minute_s = math.ceil(at_s / _MINUTE_S) * _MINUTE_S
    return _again((by_minute_s if by_minute_s < message.expires_at.timestamp() else at_s) - asked.now_s)


def _again(wait_s: float) -> Again:
    return Again("capped", wait_s, is_counted=False, is_exact=True)


def _later(ids: Iterable[int], wait_s: float) -> Decision:
    return Decision(fates=dict.fromkeys(ids, _again(wait_s)))
