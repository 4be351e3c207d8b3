"""The time that all processes agree on: the database's, carried on by this machine's monotonic clock.

Due times, leases and expiry are database time. A wall clock that jumps by hours then sends nothing early and steals no
lease.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from gateway.store.database import Queryable


class DatabaseClock:
    """Call `sync` now and then; between, the monotonic clock goes on. Before the first sync it is the wall clock."""

    def __init__(self, *, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        """`monotonic_s`: seconds that never go back."""
        self._monotonic_s = monotonic_s
        self._offset_s = time.time() - monotonic_s()
        self._is_synced = False

    def now_s(self) -> float:
        """Unix time in seconds."""
        return self._monotonic_s() + self._offset_s

    def now(self) -> datetime:
        """Aware, in UTC."""
        return datetime.fromtimestamp(self.now_s(), UTC)

    async def sync(self, db: Queryable) -> None:
        """Asks the database. The first answer counts as given in the middle of its round trip.

        Later ones move the clock only as far as they contradict it: the database looked at its clock at some moment of
        the round trip, and in a process that stood still for seconds meanwhile, the middle is wrong by seconds.
        """
        asked_s = self._monotonic_s()
        at: datetime = await db.fetchval("SELECT clock_timestamp()")
        heard_s = self._monotonic_s()
        least_s, most_s = at.timestamp() - heard_s, at.timestamp() - asked_s
        known_s = self._offset_s if self._is_synced else (least_s + most_s) / 2
        self._offset_s = min(max(known_s, least_s), most_s)
        self._is_synced = True
