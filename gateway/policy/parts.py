"""How an audience falls apart into people who are due at the same moment."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

from gateway.model.limits import PARTS_MAX
from gateway.model.work import Part, PlaceKey
from gateway.policy.appointment import Calendar, open_at, wanted_at
from gateway.policy.zones import Place, place_of, zone_of

_NOWHERE: Final = PlaceKey("", "", -1)


class Due(msgspec.Struct, frozen=True):
    """When the people of a place are due. wanted_at: their hour, before nights; None: it passed, and that means never.

    held_until: the end of their night, where they wait for it. is_past_end: that is too late for the message.
    """

    at: datetime
    wanted_at: datetime | None
    held_until: datetime | None = None
    is_past_end: bool = False


def due_of(calendar: Calendar, place: Place, *, best_hour: int | None, expires_at: datetime | None) -> Due:
    """The moment for the people of one place. Who is not to get it at all is due at once, and told so then."""
    wanted = wanted_at(calendar, place, best_hour)
    if wanted is None:
        return Due(calendar.base, None)
    at = max(wanted, calendar.base)
    opens = at if calendar.timing.on_quiet == "drop" else open_at(calendar, place, at)
    held = opens if opens > at else None
    if expires_at is not None and opens >= expires_at:
        return Due(calendar.base, wanted, held, is_past_end=True)
    return Due(opens, wanted, held)


def place_of_key(key: PlaceKey, app_timezone: str | None) -> Place:
    """Where the people of a key are."""
    return place_of(timezone=key.zone or None, country=key.country or None, app_timezone=app_timezone)


def last_wanted(calendar: Calendar, counts: Mapping[PlaceKey, int], app_timezone: str | None) -> datetime:
    """The last hour of anybody, from which on the message has its whole life left."""
    wanted = [wanted_at(calendar, place_of_key(key, app_timezone), _hour(key)) for key in (*counts, _NOWHERE)]
    return max([moment for moment in wanted if moment is not None], default=calendar.base)


def ends_at(
    calendar: Calendar,
    counts: Mapping[PlaceKey, int],
    app_timezone: str | None,
    *,
    life: timedelta,
    otherwise: datetime,
) -> datetime:
    """When a message's life is over: at hours of people's own by its deadline, or `life` after the last of them."""
    if not calendar.timing.is_personal:
        return otherwise
    return calendar.timing.until or last_wanted(calendar, counts, app_timezone) + life


def begins_at(
    calendar: Calendar, counts: Mapping[PlaceKey, int], app_timezone: str | None, *, expires_at: datetime | None
) -> datetime:
    """When the first of its people gets a message, whoever is told at once that they do not."""
    found = [
        due_of(calendar, place_of_key(key, app_timezone), best_hour=_hour(key), expires_at=expires_at) for key in counts
    ]
    return min((due.at for due in found if due.wanted_at is not None and not due.is_past_end), default=calendar.base)


def parts_of(
    calendar: Calendar, counts: Mapping[PlaceKey, int], app_timezone: str | None, *, expires_at: datetime | None
) -> list[Part]:
    """The parts in the order of their moments. Number 0 is also for those whose place is not among the keys.

    In one part are people whose nights are the same: what is held of it later is held as a whole.
    """
    grouped: dict[tuple[datetime, object], dict[PlaceKey, int]] = {}
    for key, recipients in {_NOWHERE: 0, **counts}.items():
        place = place_of_key(key, app_timezone)
        due = due_of(calendar, place, best_hour=_hour(key), expires_at=expires_at)
        grouped.setdefault((due.at, _night_of(calendar, place, due.at)), {})[key] = recipients
    if len(grouped) > PARTS_MAX:
        grouped = _fewer(grouped)
    parts = [
        Part(number=number, due_at=at, keys=tuple(keys), recipients=sum(keys.values()))
        for number, ((at, _), keys) in enumerate(sorted(grouped.items(), key=_rank))
    ]
    return [part for part in parts if part.recipients or not part.number]


def _rank(item: tuple[tuple[datetime, object], dict[PlaceKey, int]]) -> tuple[bool, datetime, str]:
    """People of unknown places first, then by moment."""
    (at, night), keys = item
    return (_NOWHERE not in keys, at, str(night))


def _night_of(calendar: Calendar, place: Place, at: datetime) -> object:
    """What tells one night from another: whose country's, and how far from UTC."""
    if calendar.quiet is None or calendar.timing.best_time:
        return None
    zone = None if place.zone is None else zone_of(place.zone)
    own = calendar.quiet.holidays or calendar.quiet.countries
    return (zone and zone.utcoffset(at.astimezone(zone)), place.country if own else None, len(place.zones) > 1)


def _fewer(
    grouped: Mapping[tuple[datetime, object], dict[PlaceKey, int]],
) -> dict[tuple[datetime, object], dict[PlaceKey, int]]:
    """The largest groups stay; the few people of the others join the first moment, and are held where they must be."""
    ordered = sorted(grouped.items(), key=lambda item: (_NOWHERE in item[1], sum(item[1].values())), reverse=True)
    kept = dict(ordered[:PARTS_MAX])
    first = min(kept, key=lambda key: key[0])
    for _, keys in ordered[PARTS_MAX:]:
        kept[first] = {**kept[first], **keys}
    return kept


def _hour(key: PlaceKey) -> int | None:
    return None if key.best_hour < 0 else key.best_hour


def delay_s(due_at: datetime, now: datetime) -> float:
    """How long until then, in seconds, never negative."""
    return max(0.0, (due_at - now) / timedelta(seconds=1))
