"""Which moments a test means, as a span of texts in the order of time: the same for SQL and for Python."""

from datetime import UTC, datetime
from typing import Final

import msgspec

from gateway.model.filter import Between, Over, Test, Under, Within
from gateway.model.moments import end_of, moment_of, moment_text, start_of
from gateway.model.period import parse_period

DAY_S: Final = 86_400


class Span(msgspec.Struct, frozen=True):
    """From `low` on and before `high`; None is open."""

    low: str | None
    high: str | None

    @property
    def moments(self) -> tuple[datetime | None, datetime | None]:
        """The same as moments."""
        low = None if self.low is None else moment_of(self.low)
        return low, None if self.high is None else moment_of(self.high)


def span_of(test: Test, *, now: datetime) -> Span | None:
    """The span of a test for moments; None for any other test, one for numbers included.

    A date stands for its whole day: after it is from the next day on, before it is until its first moment.
    """
    match test:
        case Over(str(bound)):
            return Span(end_of(bound), None)
        case Under(str(bound)):
            return Span(None, start_of(bound))
        case Between(str(low), str(high)):
            return Span(start_of(low), end_of(high))
        case Within(period):
            return Span(start_of(moment_text(since(period, now=now))), end_of(moment_text(now)))
        case _:
            return None


def since(period: str, *, now: datetime) -> datetime:
    """The moment that lies so long before now, to the second."""
    parsed = parse_period(period)
    assert parsed is not None, period
    return parsed.before(now.astimezone(UTC)).replace(microsecond=0)


def day_number(at: datetime) -> int:
    """Days since 1970-01-01 (UTC)."""
    return int(at.timestamp()) // DAY_S


def day_text(day: int) -> str:
    """A day's number in the five digits in which days are kept: the order of such texts is the order of time."""
    return f"{max(day, 0):05}"
