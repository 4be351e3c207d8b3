"""The delivery engine of one process: claims chunks, keeps their leases, and stops cleanly.

So many recipients are under way at most: what a crash may repeat. A chunk is given back after a few groups, so that a
campaign of a million and another app's campaign of a hundred take turns.
"""

import asyncio
import contextlib
import random
from collections.abc import Coroutine, Sequence
from typing import Final

from gateway.delivery.chunk import ChunkRunner
from gateway.delivery.leases import renewal_s
from gateway.delivery.ports import Clock, Pacer, Source, Work
from gateway.delivery.room import Room
from gateway.delivery.send import GroupSender
from gateway.model.errors import StoreUnavailable
from gateway.model.limits import GROUP_RECIPIENTS_MAX
from gateway.model.work import Chunk, Handover
from gateway.telemetry import CHUNKS_IN_FLIGHT, log

_IDLE_S: Final = 0.2
"""How often an idle worker looks for work: half of this is what a campaign waits to start."""
_SINGLES_MAX: Final = 512
"""Born-claimed chunks in flight; beyond it they are left to the workers."""
_Tasks = dict["asyncio.Task[None]", Chunk]


class Engine:
    """Runs until `drain`. With `claims` False it only sends what is handed to it (the API's own messages)."""

    def __init__(
        self,
        *,
        work: Work,
        source: Source,
        sender: GroupSender,
        clock: Clock,
        owner: int,
        groups_max: int,
        lease_s: int,
        dice: random.Random,
        claims: bool = True,
        throttle: Pacer | None = None,
    ) -> None:
        self.owner = owner
        self.claims = claims
        self.claimed_at_s = clock.now_s()
        self._store = work
        self._sender = sender
        self._clock = clock
        self._groups_max = groups_max
        self._renewal_s = renewal_s(lease_s)
        self._dice = dice
        self._claimed: _Tasks = {}
        self._late: _Tasks = {}
        self._handed: _Tasks = {}
        self._freed = asyncio.Event()
        self._drained = asyncio.Event()
        self._claiming = asyncio.Lock()
        self._runner = ChunkRunner(
            work=work,
            source=source,
            sender=sender,
            room=Room(groups_max * GROUP_RECIPIENTS_MAX),
            clock=clock,
            dice=dice,
            go_on=lambda rest, chunk: self._start(rest, chunk, self._late),
            throttle=throttle,
        )

    @property
    def is_draining(self) -> bool:
        """Whether nobody new is tried."""
        return self._sender.is_stopping

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being sent, and nothing new is hindered by using the core."""
        return not self.is_draining and not self._under_way()

    async def run(self) -> None:
        """Claims and sends until `drain` is called. A database that is away is waited for."""
        renewing = asyncio.create_task(self._keep_leases())
        try:
            while not self.is_draining:
                self._freed.clear()
                async with self._claiming:
                    claimed = await self._claim() if self.claims and not self.is_draining else 0
                if not claimed or len(self._claimed) >= self._groups_max:
                    await self._wait_for_room()
            await self._drained.wait()
        finally:
            renewing.cancel()

    async def drain(self, within_s: float) -> None:
        """Claims nothing more, lets the requests under way finish and be settled, gives the rest back."""
        self._sender.is_stopping = True
        self._freed.set()
        async with self._claiming:  # what a claim under way brings has to be given back, too
            pass
        now_s = asyncio.get_running_loop().time
        until_s = now_s() + within_s
        while under_way := self._under_way():  # a group that ends may leave those who are late
            _, late = await asyncio.wait(under_way, timeout=max(0.0, until_s - now_s()))
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._runner.aclose()
        # Chunks of groups that were cut off, and of claims whose answer was lost: nobody has to wait for their leases.
        with contextlib.suppress(StoreUnavailable):
            await self._store.release_all()
        self._drained.set()

    def room(self) -> int:
        """How many born-claimed chunks it would take now."""
        return 0 if self.is_draining else max(0, _SINGLES_MAX - len(self._handed))

    def take(self, work: Sequence[Handover]) -> None:
        """Sends chunks that were born claimed by `owner`."""
        for handover in work:
            self._start(self._runner.run_handover(handover), handover.chunk, self._handed)

    def _under_way(self) -> "list[asyncio.Task[None]]":
        return [*self._claimed, *self._late, *self._handed]

    async def _claim(self) -> int:
        free = self._groups_max - len(self._claimed)
        if free <= 0:
            return 0
        try:
            claimed = await self._store.claim(free)
        except StoreUnavailable:
            await asyncio.sleep(1.0)
            return 0
        except Exception as fault:  # noqa: BLE001 - a worker that stopped looking for work would be a silent one
            log("delivery").error("claim_failed_inside", exc_info=fault)
            await asyncio.sleep(1.0)
            return 0
        self.claimed_at_s = self._clock.now_s()
        for chunk in claimed:
            self._start(self._runner.run(chunk), chunk, self._claimed)
        return len(claimed)

    async def _wait_for_room(self) -> None:
        try:
            async with asyncio.timeout(_IDLE_S * self._dice.uniform(0.75, 1.25)):
                await self._freed.wait()
        except TimeoutError:
            return

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(self._renewal_s)
            held = [*self._claimed.values(), *self._late.values(), *self._handed.values()]
            if held:
                try:
                    await self._store.renew(held)
                except Exception as fault:  # noqa: BLE001 - it is tried again in a moment, whatever it was
                    log("delivery").warning("leases_not_renewed", fault=type(fault).__name__)

    def _start(self, work: Coroutine[None, None, None], chunk: Chunk, among: _Tasks) -> None:
        task = asyncio.create_task(work)
        among[task] = chunk
        task.add_done_callback(lambda done: self._ended(done, among))
        CHUNKS_IN_FLIGHT.set(len(self._under_way()))

    def _ended(self, task: "asyncio.Task[None]", among: _Tasks) -> None:
        del among[task]
        self._freed.set()
        if not task.cancelled() and (fault := task.exception()) is not None:
            log("delivery").error("chunk_failed_inside", exc_info=fault)
