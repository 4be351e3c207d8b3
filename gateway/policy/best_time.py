"""The hour when somebody is usually there, from the hours they were seen and clicked.

Hours are UTC's, 0..23, each counted in a byte. Where a person was not seen often enough, the app's people say when.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from gateway.model.limits import BEST_TIME_SEEN_MIN

HOURS: Final = 24


def best_hour(counts: Sequence[int], *, seen_min: int = BEST_TIME_SEEN_MIN) -> int | None:
    """The hour with the most visits, the earlier of equals; None where there were too few to say."""
    if sum(counts) < seen_min:
        return None
    return max(range(HOURS), key=lambda hour: (counts[hour], -hour))


def best_moment(hour: int, *, base: datetime) -> datetime:
    """The next time that it is this hour (of UTC) from `base` on; `base` itself within it."""
    base = base.astimezone(UTC)
    if base.hour == hour:
        return base
    moment = base.replace(hour=hour, minute=0, second=0, microsecond=0)
    return moment if moment > base else moment + timedelta(days=1)
