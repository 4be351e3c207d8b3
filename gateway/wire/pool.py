"""The one HTTP client of the package: POSTs to permitted hosts over connections that are kept and shared.

It does what a sender needs, and has nothing that the other side could use against us: no redirects (they would carry
the body and our signature elsewhere), no cookies, no proxy from the environment, no decompression, no unbounded body,
one deadline over all of it. Where to connect is decided in `egress`.
"""

import asyncio
import math
import random
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from gateway.model.limits import (
    CONNECTION_HELD_S_MIN,
    DEADLINE_STEP_S,
    EGRESS_ORIGINS_KEPT_MAX,
    IDLE_STEP_S,
    LATE_SWEEPS_MAX,
    SEND_DEADLINE_S,
)
from gateway.wire.connections import Connections
from gateway.wire.dial import Dialler, Place
from gateway.wire.egress import EgressPolicy, Lookup, Target
from gateway.wire.exchange import ANYONE, Answer, Fields, Peer, WireFailure
from gateway.wire.request import Request


class HttpClient:
    """HTTP/2 where the other side speaks it, else HTTP/1.1. Make it inside the event loop that uses it."""

    def __init__(
        self,
        policy: EgressPolicy,
        *,
        connections_max: int,
        deadline_s: float = SEND_DEADLINE_S,
        lookup: Lookup | None = None,
        dice: random.Random | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._policy = policy
        self._deadline_s = deadline_s
        self._dialler = Dialler(policy, lookup=lookup)
        self._dice = dice or random.Random()  # noqa: S311 - spreads reconnects, keeps no secret
        self._places: dict[tuple[str, Peer], Connections] = {}
        self._rooms = _Rooms(self._places, connections_max)
        self._sweeping: asyncio.TimerHandle | None = None
        self._sweep_due_s = 0.0
        self._late_in_a_row = 0
        self._is_sweeping_fast = False
        self._is_closed = False

    async def post(
        self,
        target: Target,
        fixed: Fields,
        own: Sequence[tuple[str, str]],
        body: bytes,
        *,
        peer: Peer = ANYONE,
        deadline_s: float | None = None,
        wants_body: bool = False,
    ) -> Answer:
        """The answer to one POST, whatever its status; a redirect is an answer like any other.

        `fixed` are headers that many requests share, `own` those of this one. `deadline_s` covers waiting for room on
        a connection, connecting, sending and the whole answer. The body of a 2xx is kept only if it is wanted.

        Raises:
            WireFailure: there was no whole answer; `kind` says why.
        """
        if target.checked_by is not self._policy:
            raise WireFailure("refused", f"{target.host}: the target was not made by this client's policy")
        request = Request(
            target,
            fixed,
            own,
            body,
            wants_body=wants_body,
            deadline_at_s=self._loop.time() + (self._deadline_s if deadline_s is None else deadline_s),
            future=self._loop.create_future(),
        )
        connections = self._places.get((target.origin, peer)) or self._new_place(target, peer)
        connections.submit(request)
        if not self._is_sweeping_fast:
            self._sweep_in(DEADLINE_STEP_S)
        try:
            return await request.future
        except WireFailure:
            del request.future  # it holds the failure, which holds this frame: work for the garbage collector
            raise
        except asyncio.CancelledError:
            if request.carrier is not None:
                request.carrier.abandon(request)
            raise

    async def aclose(self) -> None:
        """Closes every connection, and lets their ends be noticed."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        self._is_closed = True
        attempts = [attempt for connections in self._places.values() for attempt in connections.close()]
        self._places.clear()
        await asyncio.gather(*attempts, return_exceptions=True)
        await asyncio.sleep(0)

    async def __aenter__(self) -> Self:
        """The client itself."""
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Closes every connection."""
        await self.aclose()

    def _new_place(self, target: Target, peer: Peer) -> Connections:
        if self._is_closed:
            raise WireFailure("unreachable", f"{target.host}: the client was closed")
        if len(self._places) >= EGRESS_ORIGINS_KEPT_MAX:
            self._forget_places(math.inf)  # strangers can invent names where whole domains are allowed
        connections = Connections(Place.of(target, peer), self._dialler, self._rooms, self._dice)
        self._places[target.origin, peer] = connections
        return connections

    # --- deadlines and rest -------------------------------------------------------------------------------------------

    def _sweep_in(self, delay_s: float) -> None:
        if self._sweeping is not None:
            self._sweeping.cancel()
        self._is_sweeping_fast = delay_s == DEADLINE_STEP_S
        self._sweep_due_s = self._loop.time() + delay_s
        self._sweeping = self._loop.call_later(delay_s, self._sweep)

    def _sweep(self) -> None:
        """Looks at everything; often while requests are on their way, seldom while connections rest."""
        self._sweeping, self._is_sweeping_fast = None, False
        now_s = self._loop.time()
        if self._stood_still(now_s):
            self._sweep_in(DEADLINE_STEP_S)
            return
        for connections in list(self._places.values()):
            connections.sweep(now_s)
        self._forget_places(now_s)
        if any(connections.is_busy for connections in self._places.values()):
            self._sweep_in(DEADLINE_STEP_S)
        elif self._places:
            self._sweep_in(IDLE_STEP_S)

    def _stood_still(self, now_s: float) -> bool:
        """Whether this process did nothing for a while: answers that came meanwhile are read before anybody is late."""
        is_late = now_s - self._sweep_due_s > DEADLINE_STEP_S
        self._late_in_a_row = self._late_in_a_row + 1 if is_late else 0
        return 0 < self._late_in_a_row <= LATE_SWEEPS_MAX

    def _forget_places(self, now_s: float) -> None:
        for key, connections in list(self._places.items()):
            if connections.is_forgettable(now_s):
                del self._places[key]


class _Rooms:
    """How many connections there may be, and who gets the next one."""

    def __init__(self, places: dict[tuple[str, Peer], Connections], connections_max: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._places = places
        self._connections_max = connections_max
        self._let = 0
        self._full_until_s: dict[bool, float] = {}
        self._starving: set[Connections] = set()
        self._is_offering = False

    def let(self, connections: Connections) -> bool:
        """Whether one more may be opened now: there is room, or a resting connection elsewhere makes some.

        If all are busy and the place has none at all, one of the place with most retires for it, which takes a while.
        """
        free = self._connections_max - self._let
        if free <= self._reserved(connections) and not (free == 0 and self._is_made_room_for(connections)):
            if not connections.count:
                self._starving.add(connections)
            return False
        self._starving.discard(connections)
        self._let += 1
        return True

    def vacated(self) -> None:
        """One less; somebody may wait for that."""
        self._let -= 1
        self._full_until_s.clear()
        if not self._is_offering:
            self._is_offering = True
            self._loop.call_soon(self._offer)

    def _reserved(self, asking: Connections) -> int:
        """Connections that are kept free for places without any: those that have some would always be faster."""
        if not asking.count or not self._starving:
            return 0
        self._starving = {one for one in self._starving if one.has_waiting and not one.count}
        return len(self._starving)

    def _offer(self) -> None:
        self._is_offering = False
        for connections in sorted(self._places.values(), key=lambda one: one.count):
            if connections.has_waiting:
                connections.freed()

    def _is_made_room_for(self, asking: Connections) -> bool:
        now_s = self._loop.time()
        has_some = asking.count > 0
        if now_s < self._full_until_s.get(has_some, 0.0):
            return False  # nothing was found a moment ago, and requests come by the thousand
        others = [connections for connections in self._places.values() if connections is not asking]
        resting = [connection for other in others for connection in other.open if not connection.in_flight]
        if resting:
            min(resting, key=lambda connection: connection.used_at_s).close()
            return True
        self._full_until_s[has_some] = now_s + DEADLINE_STEP_S
        if not has_some:
            self._retire_one_of(others, held_since_s=now_s - CONNECTION_HELD_S_MIN)
        return False

    def _retire_one_of(self, others: list[Connections], *, held_since_s: float) -> None:
        """The oldest of the place with most connections, unless one is on its way out already."""
        if any(connection.is_retiring for other in others for connection in other.open):
            return
        richest = max(others, key=lambda other: other.count)
        held = [connection for connection in richest.open if connection.opened_at_s < held_since_s]
        if held:
            min(held, key=lambda connection: connection.opened_at_s).retire()
