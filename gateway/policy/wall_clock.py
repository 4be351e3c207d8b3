"""From a date and an hour on the wall to a moment, on the nights when clocks change too.

An hour that does not exist (clocks went forward over it) is the first moment after the gap; one that comes twice is the
first of the two.
"""

import functools
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

_SECOND: Final = timedelta(seconds=1)


@functools.lru_cache(maxsize=8192)
def moment_at(day: date, minutes: int, zone: ZoneInfo) -> datetime:
    """The moment, in UTC, when clocks in `zone` show this hour on this day."""
    return _moment(day, minutes, zone, fold=0)


def moment_after(after: datetime, day: date, minutes: int, zone: ZoneInfo) -> datetime:
    """The first moment later than `after` when clocks show this hour on this day; of two equal hours, the one left."""
    first = moment_at(day, minutes, zone)
    return first if first > after else _moment(day, minutes, zone, fold=1)


def _moment(day: date, minutes: int, zone: ZoneInfo, *, fold: int) -> datetime:
    wall = datetime.combine(day, time(minutes // 60, minutes % 60), zone).replace(fold=fold)
    moment = wall.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None):
        return moment
    return _end_of_gap(wall.replace(fold=1).astimezone(UTC), wall.replace(fold=0).astimezone(UTC), zone)


def _end_of_gap(before: datetime, behind: datetime, zone: ZoneInfo) -> datetime:
    """The moment of the change between two moments, by halving: a gap has at most a day, so 17 steps do."""
    offset = before.astimezone(zone).utcoffset()
    while behind - before > _SECOND:
        middle = before + (behind - before) // 2
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            behind = middle
    return behind.replace(microsecond=0)
