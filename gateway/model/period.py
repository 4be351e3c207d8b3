"""Periods as ISO 8601 writes them: `P30D`, `P1Y6M`, `P2W`, `PT36H`.

Only what is needed of ISO 8601-1 section 5.5.2: whole numbers, no signs, no alternative format. A year and a month are
of the calendar, everything else is a number of seconds.
"""

import calendar
import re
from datetime import datetime, timedelta
from typing import Final

import msgspec

from gateway.model.limits import PERIOD_CHARS_MAX, PERIOD_DAYS_MAX

_PERIOD: Final = re.compile(
    r"P(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?",
    re.ASCII,
)
_MONTHS_PER_YEAR: Final = 12
_DAYS_PER_MONTH_MAX: Final = 31


class Period(msgspec.Struct, frozen=True):
    """So many months of the calendar and so many seconds."""

    months: int
    seconds: int

    def before(self, moment: datetime) -> datetime:
        """The moment that lies this long before: a month before 31 March is the last day of February."""
        month = moment.year * _MONTHS_PER_YEAR + moment.month - 1 - self.months
        year, index = divmod(month, _MONTHS_PER_YEAR)
        day = min(moment.day, calendar.monthrange(year, index + 1)[1])
        return moment.replace(year=year, month=index + 1, day=day) - timedelta(seconds=self.seconds)


def parse_period(text: str) -> Period | None:
    """The period that a text writes; None for what is none, is nothing long, or is longer than a century."""
    found = _PERIOD.fullmatch(text) if len(text) <= PERIOD_CHARS_MAX else None
    if found is None:
        return None
    part = {name: int(digits or 0) for name, digits in found.groupdict().items()}
    months = part["years"] * _MONTHS_PER_YEAR + part["months"]
    days = part["weeks"] * 7 + part["days"]
    seconds = ((days * 24 + part["hours"]) * 60 + part["minutes"]) * 60 + part["seconds"]
    length_days = months * _DAYS_PER_MONTH_MAX + seconds / 86_400
    return Period(months, seconds) if 0 < length_days <= PERIOD_DAYS_MAX else None
