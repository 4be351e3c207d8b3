"""Frees the chunks of workers that fell silent, but not of those that the database alone kept from speaking."""

import time
from collections.abc import Callable

from gateway.delivery.leases import renewal_s
from gateway.model.errors import StoreUnavailable
from gateway.store import chunks
from gateway.store.database import Database

_TURNS_TO_RENEW = 1.5


class Reaper:
    """Runs as a loop. Times are monotonic seconds.

    While the database is away leases run out and nobody can renew them, though their owners live and know what they
    have sent. Freeing their chunks in the moment it is back would send all of that again.
    """

    def __init__(self, db: Database, *, lease_s: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._db = db
        self._grace_s = renewal_s(lease_s) * _TURNS_TO_RENEW
        self._clock = clock
        self._is_away = False
        self._from_s = clock() + self._grace_s

    async def run(self) -> None:
        """One round. Raises `StoreUnavailable`."""
        if self._is_away:
            if not await self._db.ping():
                return
            self._is_away = False
            self._from_s = self._clock() + self._grace_s
        if self._clock() < self._from_s:
            return
        try:
            await chunks.release_expired(self._db)
        except StoreUnavailable:
            self._is_away = True
            raise
