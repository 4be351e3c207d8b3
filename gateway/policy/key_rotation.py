"""When a key that has been succeeded may go: who still needs it, and how long they have stayed away.

Every visit to the shop moves a browser to the current key, so whoever still needs an old one has not been there since.
"""

from datetime import datetime, timedelta
from typing import Final

from gateway.model.limits import KEY_IDLE_DAYS

_IDLE: Final = timedelta(days=KEY_IDLE_DAYS)


def may_retire_at(*, is_current: bool, devices: int, last_seen_at: datetime | None, now: datetime) -> datetime | None:
    """From when on a key may be retired; None while new subscriptions are made with it.

    At once where nobody needs it. Else when the last of those who do will have stayed away for `KEY_IDLE_DAYS`: they
    could be reached until then, and are hardly missed after.
    """
    if is_current:
        return None
    if not devices or last_seen_at is None:
        return now
    return max(now, last_seen_at + _IDLE)


def share_of(devices: int, *, total: int) -> float:
    """How many of the channel's devices a key has, 0 to 1."""
    return round(devices / total, 4) if total else 0.0
