"""What the names in a message's audience stand for, looked up again every few seconds while it runs.

A segment that is changed, a list that gets a new upload, and another name that an excluded person gets, so take effect
on whoever has not had their turn.
"""

import time
from collections.abc import Callable

from gateway.model.app import App
from gateway.model.audience import Audience
from gateway.model.limits import NAMES_KEPT_S
from gateway.model.segment import Names, named_lists, named_segments
from gateway.store.database import Queryable
from gateway.store.names import names_of


class LiveNames:
    """The names of one message, for one process."""

    def __init__(
        self, db: Queryable, app: App | None, audience: Audience, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._db = db
        self._app = app
        self._audience = audience
        self._clock = clock
        # The number of a topic is its own for ever; only these may come to mean others.
        excludes_people = audience.exclude is not None and bool(audience.exclude.users)
        self._may_change = bool(named_segments(audience) or named_lists(audience)) or excludes_people
        self._known: Names | None = None
        self._read_at = 0.0

    async def current(self) -> Names:
        """The names as of at most `NAMES_KEPT_S` ago. Raises `StoreUnavailable`."""
        if self._known is None or (self._may_change and self._clock() - self._read_at > NAMES_KEPT_S):
            self._known = await self._read()
            self._read_at = self._clock()
        return self._known

    async def _read(self) -> Names:
        """Of an app that is gone nobody is in an audience."""
        return Names(is_whole=False) if self._app is None else await names_of(self._db, self._app, self._audience)
