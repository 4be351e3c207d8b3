"""When a message would go out: how many in each hour, where they are, and whom something holds until when.

People stand in line by their moment: their own hour, then the end of their night. A rate lets so many of the line go;
whoever is overtaken by a night waits for its end, and whoever by the message's end never gets it. What is known only
when somebody's turn comes (frequency caps, nights of one's own, retries) is not foretold.
"""

import heapq
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from gateway.model.limits import PREVIEW_HOURS_MAX, PREVIEW_ZONES_MAX
from gateway.model.work import PlaceKey
from gateway.policy.appointment import Calendar, open_at
from gateway.policy.parts import due_of, place_of_key
from gateway.policy.zones import Place

OTHER: Final = "other"
UNKNOWN: Final = "unknown"
_SLICE: Final = timedelta(minutes=15)
"""How often nights are looked at while a rate lets people go: clocks differ by quarters of an hour."""
_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)


class Hour(msgspec.Struct, frozen=True):
    """What goes out within an hour from `at` (UTC) on. zones: of whom, as in `Forecast.zones`."""

    at: datetime
    count: int
    zones: dict[str, int]


class Held(msgspec.Struct, frozen=True):
    """Whom one reason holds. until: when the last of them goes on; None: they never get it."""

    count: int
    until: datetime | None


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """All that is told. `by_hour`, `later` and those who are held for ever add up to the audience.

    zones: where the audience is: a zone, a country where it has several and which one is not known, `unknown`, and
    `other` for the small ones. held: by reason; one person may be held by several, one after another.
    later: those who are still in line after `PREVIEW_HOURS_MAX` hours.
    """

    by_hour: list[Hour]
    later: int
    zones: dict[str, int]
    held: dict[str, Held]


def forecast(
    calendar: Calendar,
    counts: Mapping[PlaceKey, int],
    app_timezone: str | None,
    *,
    audience: int,
    per_minute: int | None,
    expires_at: datetime,
) -> Forecast:
    """What becomes of so many people. Whoever of the audience stands in no count is taken to be anywhere."""
    line = _Line(calendar, per_minute, expires_at)
    rest = audience - sum(counts.values())
    zones: dict[str, int] = {}
    groups: dict[tuple[Place, int], int] = {}
    for key, count in (*counts.items(), (PlaceKey("", "", -1), max(0, rest))):
        place = place_of_key(key, app_timezone)
        group = (_told_apart(place, calendar), key.best_hour)
        groups[group] = groups.get(group, 0) + count
    for (place, best_hour), count in groups.items():
        if count:
            _add(zones, zone_group(place), count)
            line.join(place, None if best_hour < 0 else best_hour, count)
    line.run()
    return Forecast(
        by_hour=[Hour(at, sum(of.values()), _largest(of)) for at, of in sorted(line.hours.items())],
        later=line.later,
        zones=_largest(zones),
        held=dict(sorted(line.held.items())),
    )


def zone_group(place: Place) -> str:
    """What people of a place are counted under."""
    match place.zones:
        case ():
            return UNKNOWN
        case (zone,):
            return zone
        case _:
            return place.country or place.zones[0]


def _told_apart(place: Place, calendar: Calendar) -> Place:
    """The place without its country where that tells nothing: there are few zones, but many pairs of them."""
    quiet = calendar.quiet
    if len(place.zones) > 1 or (quiet is not None and (quiet.holidays or quiet.countries)):
        return place
    return Place(place.zones)


class _Waiting(msgspec.Struct, frozen=True):
    """People of one place. since: their moment. slept: they were counted as sleepers already."""

    since: datetime
    place: Place
    count: int
    slept: bool


class _Line:
    """Lets people go by their moment, as fast as the rate lets them."""

    def __init__(self, calendar: Calendar, per_minute: int | None, expires_at: datetime) -> None:
        self.hours: dict[datetime, dict[str, int]] = {}
        self.held: dict[str, Held] = {}
        self.later = 0
        self._calendar = calendar
        self._apart = None if per_minute is None else _MINUTE / per_minute
        self._expires_at = expires_at
        self._free_at = calendar.base
        self._queue: list[tuple[datetime, int, _Waiting]] = []
        self._joined = 0

    def join(self, place: Place, best_hour: int | None, count: int) -> None:
        """People of one place come into the line, or are told at once that they never will."""
        due = due_of(self._calendar, place, best_hour=best_hour, expires_at=self._expires_at)
        if due.wanted_at is None:
            self._hold("late", count, None)
        elif due.is_past_end:
            self._hold("expired", count, None)
        else:
            if due.wanted_at > self._calendar.base:
                self._hold("best_time" if self._calendar.timing.best_time else "local_time", count, due.wanted_at)
            if due.held_until is not None:
                self._hold("quiet", count, due.held_until)
            self._push(_Waiting(due.at, place, count, slept=due.held_until is not None))

    def run(self) -> None:
        """Until nobody is in line, or the last hour that is told apart is over."""
        if not self._queue:
            return
        horizon = self._queue[0][0] + PREVIEW_HOURS_MAX * _HOUR
        while self._queue:
            _, _, waiting = heapq.heappop(self._queue)
            moment = max(waiting.since, self._free_at).astimezone(UTC)
            if moment >= self._expires_at:
                self._hold("expired", waiting.count, None)
            elif moment >= horizon:
                self.later += waiting.count
            else:
                self._serve(waiting, moment)

    def _serve(self, waiting: _Waiting, moment: datetime) -> None:
        opens = open_at(self._calendar, waiting.place, moment)
        if opens <= moment:
            self._let_go(waiting, moment)
        elif self._calendar.timing.on_quiet == "drop":
            self._hold("quiet", waiting.count, None)
        elif opens >= self._expires_at:
            self._hold("expired", waiting.count, None)
        else:
            self._hold("quiet", 0 if waiting.slept else waiting.count, opens)
            self._push(msgspec.structs.replace(waiting, since=opens, slept=True))

    def _let_go(self, waiting: _Waiting, moment: datetime) -> None:
        count = waiting.count
        if self._apart is not None:
            ends = min(_slice_after(moment), self._expires_at)
            count = min(count, _times(self._apart, ends - moment))
            self._tell_throttled(waiting, moment, count, self._apart)
            self._free_at = moment + count * self._apart
        hour = moment.replace(minute=0, second=0, microsecond=0)
        _add(self.hours.setdefault(hour, {}), zone_group(waiting.place), count)
        if count < waiting.count:
            self._push(msgspec.structs.replace(waiting, count=waiting.count - count))

    def _tell_throttled(self, waiting: _Waiting, moment: datetime, count: int, apart: timedelta) -> None:
        """Whom the rate keeps for more than a minute."""
        in_time = max(0, _times(apart, waiting.since + _MINUTE - moment))
        if in_time < count:
            self._hold("throttled", count - in_time, moment + (count - 1) * apart)

    def _hold(self, reason: str, count: int, until: datetime | None) -> None:
        """Counts them; a reason that is never over stays so."""
        until = None if until is None else until.astimezone(UTC)
        known = self.held.get(reason)
        if known is None:
            self.held[reason] = Held(count, until)
            return
        last = None if known.until is None or until is None else max(known.until, until)
        self.held[reason] = Held(known.count + count, last)

    def _push(self, waiting: _Waiting) -> None:
        self._joined += 1
        heapq.heappush(self._queue, (waiting.since, self._joined, waiting))


def _slice_after(moment: datetime) -> datetime:
    start = moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0)
    return start + _SLICE


def _times(apart: timedelta, span: timedelta) -> int:
    """How many leave within a span, the first at its beginning."""
    return -(-span // apart)


def _add(sums: dict[str, int], name: str, count: int) -> None:
    sums[name] = sums.get(name, 0) + count


def _largest(sums: Mapping[str, int]) -> dict[str, int]:
    """The largest first; what is beyond the limit is one sum."""
    ordered = sorted(sums.items(), key=lambda item: (-item[1], item[0]))
    kept = dict(ordered[:PREVIEW_ZONES_MAX])
    rest = sum(count for _, count in ordered[PREVIEW_ZONES_MAX:])
    return {**kept, OTHER: rest} if rest else kept
