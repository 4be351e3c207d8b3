"""When a message goes out, as its order said it and as it is stored in its terms."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

Past = Literal["tomorrow", "now", "skip"]
"""Where the local hour has passed already: the next day's, at once, or not at all."""
QuietRule = Literal["respect", "ignore"]
OnQuiet = Literal["hold", "drop"]


class Recurring(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A series: an RFC 5545 rule on the wall clock of a zone, from a moment on.

    excluded: days (`2026-12-25`) on which nothing is sent. next_at: the occurrence that the message waits for.
    """

    rule: str
    timezone: str
    starts_at: datetime
    ends_at: datetime | None = None
    excluded: tuple[str, ...] = ()
    next_at: datetime | None = None


class Timing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is said of the moment, besides the message's own due time; a field at its default says nothing.

    local_time: `09:00` of each person's own clock, on `day` (`2026-12-01`) or the day of planning. best_time: the hour
    when each one is usually there. until: nothing is sent after it. recurring: it makes messages rather than being one.
    """

    local_time: str | None = None
    day: str | None = None
    best_time: bool = False
    until: datetime | None = None
    past: Past = "tomorrow"
    quiet: QuietRule | None = None
    on_quiet: OnQuiet = "hold"
    recurring: Recurring | None = None

    @property
    def is_personal(self) -> bool:
        """Whether people get it at hours of their own."""
        return self.local_time is not None or self.best_time
