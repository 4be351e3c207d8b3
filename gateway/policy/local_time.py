"""The moment when it is a certain hour where somebody is: once for everybody, on the right side of a clock change."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from gateway.model.limits import LOCAL_TIME_GRACE_S
from gateway.model.schedule import Past
from gateway.policy.wall_clock import moment_at

_UTC: Final = ZoneInfo("UTC")
_DAY: Final = timedelta(days=1)
_GRACE: Final = timedelta(seconds=LOCAL_TIME_GRACE_S)
_EASTMOST: Final = timedelta(hours=14)
"""No clock is further ahead of UTC."""


def local_moment(
    minutes: int, zone: ZoneInfo | None, *, base: datetime, day: date | None = None, past: Past = "tomorrow"
) -> datetime | None:
    """When clocks in `zone` show this hour on `day`, or on the day that it is there at `base`.

    Where that hour had passed at `base`, `past` decides: the next day's that has not, `base` itself, or None for not at
    all. An hour that does not exist is the first moment after the gap, one that comes twice the first of the two. Of
    somebody whose zone is not known, UTC is taken.
    """
    here = zone or _UTC
    on = day or base.astimezone(here).date()
    moment = moment_at(on, minutes, here)
    if moment >= base - _GRACE:
        return moment
    match past:
        case "skip":
            return None
        case "now":
            return base
        case "tomorrow":
            return _next(minutes, here, base)


def earliest(minutes: int, day: date) -> datetime:
    """The first moment when it is this hour of this day anywhere on earth."""
    return datetime.combine(day, time(minutes // 60, minutes % 60), UTC) - _EASTMOST


def _next(minutes: int, zone: ZoneInfo, base: datetime) -> datetime:
    """The first time that the hour strikes from `base` on; two days on, where a zone left one out of its calendar."""
    today = base.astimezone(zone).date()
    moments = [moment_at(today + ahead * _DAY, minutes, zone) for ahead in range(3)]
    return next((moment for moment in moments if moment >= base - _GRACE), moments[-1])
