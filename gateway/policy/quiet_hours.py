"""When somebody may be reached again: not in their night, not on days that are quiet where they live.

`next_open` is never in the night, never before now, and asking it again of its own answer changes nothing. A night that
a clock change shortens or prolongs ends at the hour on the wall all the same.
"""

import functools
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from gateway.model.limits import HOLIDAY_YEARS_KEPT_MAX, QUIET_STEPS_MAX
from gateway.model.quiet_hours import Night
from gateway.policy.wall_clock import moment_after
from gateway.policy.zones import Place, zone_of

_SATURDAY: Final = 5
_DAY: Final = timedelta(days=1)


def next_open(now: datetime, place: Place, night: Night | None) -> datetime:
    """The first moment from `now` on when it is night in none of the zones where this person may be.

    Where such a moment never comes (zones right round the world), the first zone decides. Somebody of whom no zone is
    known is never held.
    """
    zones = [zone for zone in map(zone_of, place.zones) if zone is not None]
    if night is None or not zones:
        return now
    found = _open_everywhere(now, zones, night)
    return _open_everywhere(now, zones[:1], night) or now if found is None else found


def _open_everywhere(now: datetime, zones: Sequence[ZoneInfo], night: Night) -> datetime | None:
    moment = now
    for _ in range(QUIET_STEPS_MAX):
        ends = [end for zone in zones if (end := _end_of_quiet(moment, zone, night)) is not None]
        if not ends:
            return moment
        moment = max(ends)
    return None


def _end_of_quiet(now: datetime, zone: ZoneInfo, night: Night) -> datetime | None:
    """When the quiet that `now` lies in ends in this zone; None where it is not quiet."""
    wall = now.astimezone(zone)
    today = wall.date()
    if _is_quiet_day(today, night):
        return moment_after(now, today + _DAY, 0, zone)
    minute = wall.hour * 60 + wall.minute
    begins, ends = night.begins_min, night.ends_min
    if begins < ends:
        return moment_after(now, today, ends, zone) if begins <= minute < ends else None
    if begins == ends or ends <= minute < begins:
        return None
    return moment_after(now, today if minute < ends else today + _DAY, ends, zone)


def _is_quiet_day(day: date, night: Night) -> bool:
    if night.weekends and day.weekday() >= _SATURDAY:
        return True
    return night.holidays_of is not None and day in holidays_of(night.holidays_of, day.year)


@functools.lru_cache(maxsize=HOLIDAY_YEARS_KEPT_MAX)
def holidays_of(country: str, year: int) -> frozenset[date]:
    """The public holidays of a whole country in a year; none for a country whose holidays are not known."""
    import holidays  # noqa: PLC0415 - it takes a fifth of a second, and most processes never ask

    try:
        return frozenset(holidays.country_holidays(country, years=year))
    except NotImplementedError:  # what the library says of a country that it has no calendar of
        return frozenset()
