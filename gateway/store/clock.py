"""The time that all processes agree on: the database's, carried on by this machine's monotonic clock.

Due times, leases and expiry are database time. A wall clock that jumps by hours then sends nothing early and steals no
lease.
"""

import time
from datetime import UTC, datetime

from gateway.store.database import Queryable


class DatabaseClock:
    """Call `sync` now and then; between, the monotonic clock goes on. Before the first sync it is the wall clock."""

    def __init__(self) -> None:
        self._offset_s = time.time() - time.monotonic()

    def now_s(self) -> float:
        """Unix time in seconds."""
        return time.monotonic() + self._offset_s

    def now(self) -> datetime:
        """Aware, in UTC."""
        return datetime.fromtimestamp(self.now_s(), UTC)

    async def sync(self, db: Queryable) -> None:
        """Asks the database, and takes half of the round trip off."""
        asked_s = time.monotonic()
        at: datetime = await db.fetchval("SELECT clock_timestamp()")
        heard_s = time.monotonic()
        self._offset_s = at.timestamp() - (asked_s + heard_s) / 2
