"""Places for requests under way on one lane, given out in the order of asking, and only while the wait is short.

A service that answers slowly frees few places. Whoever has waited for about a second is sent away, and while that is so
newcomers are sent away at once: a group whose first recipients hang on a slow service has others on quick ones.
"""

import asyncio
from collections import deque
from typing import Final

from gateway.model.limits import LANE_WAIT_S_MAX
from gateway.policy.pace import InFlight

_LOOK_EVERY_S: Final = 0.2


class Slots:
    """At most `room.limit` places are taken at once. `taken` and `queue` are for looking only."""

    __slots__ = ("_full_until_s", "_look", "queue", "room", "taken")

    def __init__(self, room: InFlight) -> None:
        self.room = room
        self.taken = 0
        self.queue: deque[tuple[asyncio.Future[bool], float]] = deque()
        self._look: asyncio.TimerHandle | None = None
        self._full_until_s = float("-inf")

    async def take(self) -> bool:
        """Waits for a place; whether the caller got one (then `give_back` has to follow)."""
        if self.taken < self.room.limit and not self.queue:
            self.taken += 1
            return True
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        if now_s < self._full_until_s:
            return False
        turn: asyncio.Future[bool] = loop.create_future()
        self.queue.append((turn, now_s))
        if self._look is None:
            self._look = loop.call_later(_LOOK_EVERY_S, self._send_away_late, loop)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.result():
                self.give_back()
            raise

    def give_back(self) -> None:
        """Frees a place."""
        self.taken -= 1
        if self.queue:
            self.wake()

    def wake(self) -> None:
        """Lets as many in as there is room for: after a place was freed, or the limit grew."""
        while self.queue and self.taken < self.room.limit:
            turn, _ = self.queue.popleft()
            if not turn.done():
                self.taken += 1
                turn.set_result(True)

    def send_all_away(self) -> None:
        """Nobody gets in for now: the lane stands."""
        while self.queue:
            self._send_away()

    def _send_away(self) -> None:
        turn, _ = self.queue.popleft()
        if not turn.done():
            turn.set_result(False)

    def _send_away_late(self, loop: asyncio.AbstractEventLoop) -> None:
        """Whoever has waited too long; looked at together, as a timer for each would cost more than the waiting."""
        self._look = None
        now_s = loop.time()
        while self.queue and (self.queue[0][0].done() or now_s - self.queue[0][1] >= LANE_WAIT_S_MAX):
            if not self.queue[0][0].done():
                self._full_until_s = now_s + LANE_WAIT_S_MAX
            self._send_away()
        if self.queue:
            self._look = loop.call_later(_LOOK_EVERY_S, self._send_away_late, loop)
