"""The connections to one place, and the queue before them: who goes where, when one more is opened, when one goes.

One connection is opened at a time, and none before the newest has answered something: over HTTP/2 the first mostly has
room for all, and a service in trouble is not stormed. After a failure the next attempt waits, twice as long each time:
Apple takes rapid reconnects for an attack.
"""

import asyncio
import random
from collections import deque
from typing import Final, Protocol, cast

from gateway.model.limits import (
    HTTP1_CONNECTING_MAX,
    RECONNECT_S_MAX,
    RECONNECT_S_MIN,
    REQUESTS_WAITING_MAX,
)
from gateway.wire.dial import Dialler, NotConnected, Place
from gateway.wire.exchange import FailureKind
from gateway.wire.http1_connection import Http1Connection
from gateway.wire.request import Connection, Request

_DOUBLINGS_MAX: Final = 16


class Landlord(Protocol):
    """Who decides how many connections there may be over all places."""

    def let(self, connections: "Connections") -> bool:
        """Whether one more may be opened now. Makes room for a place that has none."""
        ...

    def vacated(self) -> None:
        """A connection that was let ended, or was never made."""
        ...


class Connections:
    """Sends requests to one place, in the order in which they came."""

    def __init__(self, place: Place, dialler: Dialler, landlord: Landlord, dice: random.Random) -> None:
        self._place = place
        self._dialler = dialler
        self._landlord = landlord
        self._dice = dice
        self._loop = asyncio.get_running_loop()
        self.open: list[Connection] = []
        self._waiting: deque[Request] = deque()
        self._attempts: set[asyncio.Task[None]] = set()
        self._failures = 0
        self._last_failure: tuple[FailureKind, str] = ("unreachable", "no connection")
        self._retry_at_s = 0.0
        self._is_closed = False

    @property
    def has_waiting(self) -> bool:
        """Whether requests wait for room."""
        return bool(self._waiting)

    @property
    def count(self) -> int:
        """Connections, open or being opened."""
        return len(self.open) + len(self._attempts)

    @property
    def is_busy(self) -> bool:
        """Whether anybody waits for anything here."""
        return bool(self._waiting) or any(connection.in_flight for connection in self.open)

    def is_forgettable(self, now_s: float) -> bool:
        """Whether nothing would be lost with it: connections, requests, how long the last pause was."""
        is_well = not self._failures or now_s > self._retry_at_s + RECONNECT_S_MAX
        return is_well and not self.count and not self._waiting

    def submit(self, request: Request) -> None:
        """Sends it at once, or as soon as there is room."""
        if not self._waiting:
            for connection in self.open:
                if connection.room > 0:
                    connection.start(request)
                    return
        if len(self._waiting) >= REQUESTS_WAITING_MAX:
            request.fail("unreachable", "too many requests wait for a connection")
        elif self._is_closed or (not self.count and self._retry_at_s > request.deadline_at_s):
            request.fail(*self._last_failure)
        else:
            request.carrier = self
            self._waiting.append(request)
            self._grow()

    def abandon(self, request: Request) -> None:
        """It leaves the queue when its turn comes, at the next sweep at the latest."""

    def sweep(self, now_s: float) -> None:
        """Keeps deadlines, closes what nobody used for so long, opens what is needed."""
        for connection in list(self.open):
            connection.sweep(now_s)
            if not connection.in_flight and now_s - connection.used_at_s > connection.idle_s_max:
                connection.close()
        if self._waiting:
            self._drop_late(now_s)
            self.freed()

    def close(self) -> list[asyncio.Task[None]]:
        """Ends all connections and attempts; who waits is told. The attempts that have still to notice."""
        self._is_closed = True
        self._last_failure = ("unreachable", "the client was closed")
        for attempt in self._attempts:
            attempt.cancel()
        for connection in list(self.open):
            connection.close()
        self._fail_waiting()
        return list(self._attempts)

    # --- connections report here --------------------------------------------------------------------------------------

    def freed(self) -> None:
        """There may be room: the first in the queue get it."""
        for connection in self.open:
            while self._waiting and connection.room > 0:
                request = self._waiting.popleft()
                if not request.future.done():
                    connection.start(request)
        if self._waiting:
            self._grow()

    def resend(self, requests: list[Request]) -> None:
        """Those who were turned away waited longest; each goes out again twice at most."""
        again = [request for request in requests if request.resends_left and not request.future.done()]
        for request in requests:
            if not request.resends_left:
                request.fail("unprocessed", "the other side turned it away each time")
        for request in reversed(again):
            request.resends_left -= 1
            request.carrier = self
            self._waiting.appendleft(request)
        if self._is_closed:
            self._fail_waiting()
        elif again:
            self._loop.call_soon(self.freed)

    def lost(self, connection: Connection) -> None:
        """It ended. One that never answered anything is as good as none."""
        if connection not in self.open:
            return  # it was still being made: `_open_one` will see it
        self.open.remove(connection)
        if connection.has_answered:
            self._failures = 0
        elif not self._is_closed:
            self._pause("unreachable", "the connection ended before it was of use")
        self._landlord.vacated()

    # --- opening ------------------------------------------------------------------------------------------------------

    def _grow(self) -> None:
        if self._is_closed or self._loop.time() < self._retry_at_s or not self._may_open():
            return
        if not self._landlord.let(self):
            return
        self._attempts.add(self._loop.create_task(self._open_one()))

    def _may_open(self) -> bool:
        newest = self.open[-1] if self.open else None
        if isinstance(newest, Http1Connection):
            return len(self._attempts) < min(HTTP1_CONNECTING_MAX, len(self._waiting))
        return not self._attempts and (newest is None or newest.has_answered or newest.is_retiring)

    async def _open_one(self) -> None:
        connection: Connection | None = None
        try:
            connection = await self._dialler.connect(self._place, self)
            self.open.append(connection)
        except NotConnected as failure:
            connection = None
            self._pause(failure.kind, str(failure))
            if not self.open:
                self._fail_waiting()
        finally:
            self._attempts.discard(cast("asyncio.Task[None]", asyncio.current_task()))
            if connection is None:
                self._landlord.vacated()
        self.freed()

    def _pause(self, kind: FailureKind, sentence: str) -> None:
        """The next attempt waits 0.25 s, 0.5 s, ... 30 s, each time by as much again at random."""
        longest_s = min(RECONNECT_S_MIN * 2 ** min(self._failures, _DOUBLINGS_MAX), RECONNECT_S_MAX)
        self._failures += 1
        self._last_failure = (kind, sentence)
        self._retry_at_s = self._loop.time() + longest_s * self._dice.uniform(0.5, 1.0)

    # --- waiting ------------------------------------------------------------------------------------------------------

    def _drop_late(self, now_s: float) -> None:
        still = deque[Request]()
        for request in self._waiting:
            if request.deadline_at_s <= now_s:
                request.fail("timeout", "there was no room on a connection in time", is_unsent=True)
            elif not request.future.done():
                still.append(request)
        self._waiting = still

    def _fail_waiting(self) -> None:
        waiting, self._waiting = self._waiting, deque()
        for request in waiting:
            request.fail(*self._last_failure)
