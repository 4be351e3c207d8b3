"""What a series makes when its time has come: one message for the occurrence, and the wait for the next.

An occurrence's id follows from the series and its moment: it exists once, whoever makes it, however often.
"""

import hashlib
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from gateway.model.ids import ID_BITS, bucket_of_message
from gateway.model.limits import BUCKETS, RECURRENCE_LATE_S_MAX
from gateway.model.quiet_hours import minutes
from gateway.model.schedule import Recurring, Timing
from gateway.policy.local_time import earliest
from gateway.policy.recurrence import next_occurrence

_LATE: Final = timedelta(seconds=RECURRENCE_LATE_S_MAX)
_SECOND: Final = timedelta(seconds=1)


class Step(msgspec.Struct, frozen=True):
    """What is to be done. occurrence_at None: it was missed. next_at None: the series is over."""

    occurrence_at: datetime | None
    next_at: datetime | None


def step_of(timing: Timing, *, now: datetime) -> Step:
    """The occurrence that is due, unless it is long past, and the next one that is not."""
    series = timing.recurring
    assert series is not None
    assert series.next_at is not None
    due = series.next_at
    # What an outage left behind is passed over in one search, not in one for each: none begins after its own moment.
    following = next_occurrence(series, after=max(due, now - _LATE - _SECOND))
    while following is not None and begins_at(timing, following) < now - _LATE:
        following = next_occurrence(series, after=following)
    return Step(due if begins_at(timing, due) >= now - _LATE else None, following)


def begins_at(timing: Timing, occurrence: datetime) -> datetime:
    """When an occurrence has to be planned: at its moment, or when its day's hour first strikes anywhere on earth."""
    day = day_of(timing, occurrence)
    if timing.local_time is None or day is None:
        return occurrence
    return earliest(minutes(timing.local_time), day)


def day_of(timing: Timing, occurrence: datetime) -> date | None:
    """The day of an occurrence on the series' own calendar."""
    series = timing.recurring
    return None if series is None else occurrence.astimezone(ZoneInfo(series.timezone)).date()


def occurrence_timing(timing: Timing, occurrence: datetime) -> Timing:
    """What is said of the hour of one occurrence."""
    day = day_of(timing, occurrence)
    is_local = timing.local_time is not None and day is not None
    return msgspec.structs.replace(timing, recurring=None, day=day.isoformat() if is_local and day else None)


def moved_on(timing: Timing, next_at: datetime | None) -> Timing:
    """The timing of a series that waits for its next occurrence."""
    series = timing.recurring
    assert isinstance(series, Recurring)
    return msgspec.structs.replace(timing, recurring=msgspec.structs.replace(series, next_at=next_at))


def occurrence_id(series_id: int, occurrence: datetime) -> int:
    """The id of the message for this moment; in the bucket of the series."""
    digest = hashlib.blake2b(f"{series_id}.{int(occurrence.timestamp())}".encode(), digest_size=8).digest()
    number = int.from_bytes(digest, "big") >> (64 - ID_BITS)
    return number - number % BUCKETS + bucket_of_message(series_id)
