"""A message's rate a minute, kept by all processes together: how many go now, and what a worker leaves alone."""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime

from gateway.delivery.group import Prepared
from gateway.delivery.ports import FREE, Grant
from gateway.model.limits import GROUP_RECIPIENTS_MAX, RESTING_MESSAGES_MAX, THROTTLE_LOOK_AHEAD_S, THROTTLE_LOOKS_S
from gateway.policy.throttle import distance_s, group_of
from gateway.store import throttles
from gateway.store.database import Database


class Throttle:
    """For one process. `clock`: seconds that go on."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._db = db
        self._clock = clock
        self._resting: dict[tuple[int, int], float] = {}

    async def grant(self, ready: Prepared, *, now: datetime) -> Grant:
        """What may go of a message; waits for a moment that is near. Raises `StoreUnavailable`.

        What has expired is not sent any more, and so not throttled.
        """
        per_minute = ready.message.terms.per_minute
        if per_minute is None or now >= ready.message.expires_at:
            return FREE
        recipients = group_of(per_minute, at_most=GROUP_RECIPIENTS_MAX)
        app_id, message_id = ready.message.app_id, ready.message.id
        begins_s = await throttles.take(
            self._db,
            app_id=app_id,
            message_id=message_id,
            distance_s=distance_s(per_minute, recipients),
            look_ahead_s=THROTTLE_LOOK_AHEAD_S,
        )
        if begins_s is None:
            left_s = await throttles.wait_s(self._db, app_id=app_id, message_id=message_id)
            # Asked again after a few seconds at the latest: the rate may have been changed meanwhile.
            wait_s = min(max(0.0, left_s - THROTTLE_LOOK_AHEAD_S / 2), THROTTLE_LOOKS_S)
            self._rest(app_id, message_id, wait_s)
            return Grant(0, wait_s, per_minute)
        if begins_s > 0:
            await asyncio.sleep(begins_s)
        return Grant(recipients, 0.0, per_minute)

    async def give_back(self, ready: Prepared, grant: Grant, *, used: int) -> None:
        """Not all who might have gone did: they were held or skipped, or there were no more."""
        unused = grant.recipients - used
        if grant.per_minute is not None and unused > 0:
            await throttles.give_back(
                self._db,
                app_id=ready.message.app_id,
                message_id=ready.message.id,
                distance_s=distance_s(grant.per_minute, unused),
            )

    def rests(self, app_id: int, message_id: int) -> bool:
        """Whether this process need not look at the message now: its next moment is not near."""
        until_s = self._resting.get((app_id, message_id))
        if until_s is None:
            return False
        if self._clock() < until_s:
            return True
        del self._resting[app_id, message_id]
        return False

    def _rest(self, app_id: int, message_id: int, wait_s: float) -> None:
        self._resting[app_id, message_id] = self._clock() + wait_s
        if len(self._resting) > RESTING_MESSAGES_MAX:
            del self._resting[next(iter(self._resting))]
