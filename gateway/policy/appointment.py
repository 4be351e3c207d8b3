"""The moment at which one person is to get a message: their own hour, if it asks for one, then the end of their night.

The planner, the preview and the last look before a send ask the same functions.
"""

from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from gateway.model.limits import BEST_TIME_HOUR_DEFAULT, LOCAL_TIME_GRACE_S
from gateway.model.quiet_hours import QuietHours, minutes, night_of
from gateway.model.schedule import Timing
from gateway.policy.best_time import best_moment
from gateway.policy.local_time import local_moment
from gateway.policy.quiet_hours import next_open
from gateway.policy.zones import Place, zone_of

_GRACE: Final = timedelta(seconds=LOCAL_TIME_GRACE_S)


class Calendar(msgspec.Struct, frozen=True, kw_only=True):
    """What a message and its app say of the moment.

    base: when the message was planned; hours are looked for from there on. quiet: None where it is under no quiet
    hours. app_hour: the hour (of UTC) when most of the app's people are there.
    """

    timing: Timing
    quiet: QuietHours | None
    base: datetime
    app_hour: int | None = None


def quiet_for(timing: Timing, category: str, quiet: QuietHours | None) -> QuietHours | None:
    """The quiet hours that a message is under: marketing respects them, and others do when told to."""
    return quiet if respects_quiet(timing, category) else None


def respects_quiet(timing: Timing, category: str) -> bool:
    """Whether a message keeps out of people's nights."""
    return (timing.quiet or ("respect" if category == "marketing" else "ignore")) == "respect"


def wanted_at(calendar: Calendar, place: Place, best_hour: int | None = None) -> datetime | None:
    """Their own hour; `calendar.base` where the message asks for none, None where it passed and that means never."""
    timing = calendar.timing
    if timing.best_time:
        hour = calendar.app_hour if best_hour is None else best_hour
        if hour is not None:
            return best_moment(hour, base=calendar.base)
        return local_moment(minutes(BEST_TIME_HOUR_DEFAULT), _zone(place), base=calendar.base)
    if timing.local_time is None:
        return calendar.base
    day = None if timing.day is None else date.fromisoformat(timing.day)
    return local_moment(minutes(timing.local_time), _zone(place), base=calendar.base, day=day, past=timing.past)


def is_early(wanted: datetime, now: datetime) -> bool:
    """Whether somebody's hour has not come; a few minutes are no reason to wait."""
    return wanted > now + _GRACE


def open_at(calendar: Calendar, place: Place, moment: datetime, own: QuietHours | None = None) -> datetime:
    """`moment`, or the end of the night that it falls into. One's own hours count wherever nights are respected."""
    return next_open(moment, place, night_of(calendar.quiet, country=place.country, own=own))


def _zone(place: Place) -> ZoneInfo | None:
    return None if place.zone is None else zone_of(place.zone)
