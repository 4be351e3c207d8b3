"""Dates and moments as texts in one form, so that the order of the texts is the order of time.

A plain date stays as it is (`2026-12-01`) and stands for its whole day in UTC; a moment is written in UTC to the second
(`2026-12-01T08:00:00Z`). Attributes are stored so, which lets the database compare them without reading them.
"""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final

DATE_CHARS: Final = 10
MOMENT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?")
"""What a date or a moment in this form looks like."""
_WRITTEN: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2}))?"
)
_SECOND: Final = timedelta(seconds=1)
_DAY: Final = timedelta(days=1)
_MIDNIGHT: Final = "T00:00:00Z"
LAST: Final = "9999-12-31"
"""Later than anything that is compared."""


def normal_moment(text: str) -> str | None:
    """The date or RFC 3339 moment in the one form; None where the text is neither. Parts of a second are dropped."""
    if _WRITTEN.fullmatch(text) is None:
        return None
    try:
        if len(text) == DATE_CHARS:
            return date.fromisoformat(text).isoformat()
        return moment_text(datetime.fromisoformat(text.upper()))
    except (ValueError, OverflowError):
        return None


def moment_text(at: datetime) -> str:
    """A moment in the one form."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").rjust(len("2026-12-01T08:00:00Z"), "0")


def start_of(moment: str) -> str:
    """The first text of the moment or the day: midnight is written as its date, which comes before all of that day."""
    return moment.removesuffix(_MIDNIGHT)


def end_of(moment: str) -> str:
    """The first text that is after the whole day, or after the second."""
    try:
        if len(moment) == DATE_CHARS:
            return (date.fromisoformat(moment) + _DAY).isoformat()
        return start_of(moment_text(datetime.fromisoformat(moment) + _SECOND))
    except OverflowError:
        return LAST


def moment_of(text: str) -> datetime:
    """The moment that a text in this form names; a date is its first moment."""
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
