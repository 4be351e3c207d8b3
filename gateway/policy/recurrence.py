"""Series: the moments at which an RFC 5545 rule comes true, on the wall clock of a zone.

Source: RFC 5545 sections 3.3.10 (RRULE) and 3.8.5.1 (EXDATE), read by python-dateutil. A rule is searched for a few
years only, and one that never comes true is refused.
"""

import itertools
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rrulestr

from gateway.model.errors import Invalid
from gateway.model.limits import RECURRENCE_RULE_CHARS_MAX, RECURRENCE_YEARS_MAX, RECURRENCES_MAX
from gateway.model.schedule import Recurring
from gateway.policy.wall_clock import moment_at

_PARTS: Final = frozenset(
    {"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYMONTH", "BYMONTHDAY", "BYDAY", "BYHOUR", "BYMINUTE", "BYSETPOS", "WKST"}
)
_FREQUENCIES: Final = frozenset({"HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"})
_PART: Final = re.compile(r"([A-Z]+)=([A-Z0-9,+-]+)", re.ASCII)
_VALUES_MAX: Final = {"BYMINUTE": 4, "BYHOUR": 24, "BYMONTH": 12, "BYMONTHDAY": 62, "BYDAY": 60, "BYSETPOS": 31}
_INTERVAL: Final = re.compile(r"[1-9][0-9]{0,3}", re.ASCII)
_UNTIL: Final = re.compile(r"([0-9]{8})(?:T([0-9]{4})[0-9]{2}(Z?))?", re.ASCII)
_YEARS: Final = timedelta(days=366 * RECURRENCE_YEARS_MAX)
_LAST_YEARS: Final = range(9_960, 9_988)
"""One turn of the calendar: weekdays and leap years come round in 28 years, so each year has its like here."""


def check_rule(series: Recurring, *, param: str) -> None:
    """Raises `Invalid` for a rule that cannot be read, comes too often, or never."""
    parts = _parts(series.rule, param)
    if parts.get("FREQ") not in _FREQUENCIES:
        raise _fault("FREQ is one of HOURLY, DAILY, WEEKLY, MONTHLY, YEARLY", param)
    for name in ("INTERVAL", "COUNT"):
        if name in parts and _INTERVAL.fullmatch(parts[name]) is None:
            raise _fault(f"{name} is a number from 1 to 9999", param)
    if "UNTIL" in parts and _until(parts["UNTIL"], ZoneInfo(series.timezone)) is None:
        raise _fault("UNTIL is a date such as 20261224 or 20261224T090000Z", param)
    for name, values_max in _VALUES_MAX.items():
        if parts.get(name, "").count(",") >= values_max:
            raise _fault(f"{name} has at most {values_max} values", param)
    try:
        comes = not _is_beyond_the_hour(parts) and _comes_ever(series)
    except (ValueError, TypeError, IndexError, OverflowError):
        raise _fault("it cannot be read", param) from None
    if not comes:
        raise _fault("it never comes true", param)


def next_occurrence(series: Recurring, *, after: datetime) -> datetime | None:
    """The first moment of the series later than `after`; None where it is over.

    Clock changes move nothing on the wall: nine o'clock stays nine o'clock. An hour that does not exist is the first
    moment after the gap.
    """
    zone = ZoneInfo(series.timezone)
    end = _end(series, zone)
    for wall in _walls(series, zone):
        moment = moment_at(wall.date(), wall.hour * 60 + wall.minute, zone)
        if moment > end:
            return None
        if moment > after and wall.date().isoformat() not in series.excluded:
            return moment
    return None


def _end(series: Recurring, zone: ZoneInfo) -> datetime:
    latest = series.starts_at + _YEARS
    until = _until(dict(_PART.findall(series.rule)).get("UNTIL", ""), zone)
    return min(moment for moment in (latest, until, series.ends_at) if moment is not None)


def _walls(series: Recurring, zone: ZoneInfo) -> Iterator[datetime]:
    start = series.starts_at.astimezone(zone).replace(tzinfo=None, second=0, microsecond=0)
    return itertools.islice(iter(_rule(series, start)), RECURRENCES_MAX)


def _rule(series: Recurring, start: datetime) -> rrule:
    """The rule on the wall clock. Its UNTIL is a moment, and looked after by `_end`."""
    text = ";".join(part for part in series.rule.upper().split(";") if not part.startswith("UNTIL="))
    rule = rrulestr(f"RRULE:{text}", dtstart=start)
    assert isinstance(rule, rrule)
    return rule


def _comes_ever(series: Recurring) -> bool:
    """Whether the rule comes true at all.

    One that never does is searched for up to the year 9999, which takes seconds from today on. Asked of a year near
    that end with the same weekdays, the search is short.
    """
    start = series.starts_at.astimezone(ZoneInfo(series.timezone)).replace(tzinfo=None, second=0, microsecond=0)
    like = next(year for year in _LAST_YEARS if _is_like(year, start.year))
    return next(iter(_rule(series, start.replace(year=like))), None) is not None


def _is_beyond_the_hour(parts: Mapping[str, str]) -> bool:
    """Whether an hourly rule picks only moments that no hour has: every hour of decades would be looked at for them."""
    if parts["FREQ"] != "HOURLY" or "BYSETPOS" not in parts:
        return False
    moments = len({int(minute) for minute in parts.get("BYMINUTE", "0").split(",")})
    return all(abs(int(position)) > moments for position in parts["BYSETPOS"].split(","))


def _is_like(year: int, other: int) -> bool:
    return year % 4 == other % 4 and date(year, 1, 1).weekday() == date(other, 1, 1).weekday()


def _parts(rule: str, param: str) -> dict[str, str]:
    if len(rule) > RECURRENCE_RULE_CHARS_MAX:
        raise _fault(f"it is longer than {RECURRENCE_RULE_CHARS_MAX} characters", param)
    parts: dict[str, str] = {}
    for text in rule.split(";"):
        found = _PART.fullmatch(text)
        if found is None:
            raise _fault("write it as `FREQ=WEEKLY;BYDAY=FR`", param)
        name, value = found.groups()
        if name not in _PARTS or name in parts:
            raise _fault(f"`{name[:20]}` is not taken here, or comes twice", param)
        parts[name] = value
    return parts


def _until(text: str, zone: ZoneInfo) -> datetime | None:
    found = _UNTIL.fullmatch(text)
    if found is None:
        return None
    try:
        day = date(int(text[:4]), int(text[4:6]), int(text[6:8]))
        if not found[2]:
            return moment_at(day, 23 * 60 + 59, zone)
        hour = time(int(found[2][:2]), int(found[2][2:]))
    except ValueError:
        return None
    return datetime.combine(day, hour, UTC) if found[3] else moment_at(day, hour.hour * 60 + hour.minute, zone)


def _fault(why: str, param: str) -> Invalid:
    return Invalid("schedule_invalid", f"The rule cannot be followed: {why}.", param=param)
