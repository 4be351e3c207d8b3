"""The delivery engine of one process: claims chunks, sends their groups, settles them, and stops cleanly.

At most `groups_max` groups are in flight: what a crash may repeat. A chunk is given back after a few groups, so that a
campaign of a million and another app's campaign of a hundred take turns.
"""

import asyncio
import contextlib
import random
from collections.abc import Coroutine, Mapping, Sequence
from typing import Final

from gateway.delivery import closing, figures, settle
from gateway.delivery.feed import Feed, Group, Keys
from gateway.delivery.lane import LaneBoard
from gateway.delivery.send import GroupSender
from gateway.delivery.singles import Singles
from gateway.model.errors import StoreUnavailable
from gateway.model.work import Chunk, GroupResult, Handover, Hold
from gateway.store import chunks
from gateway.store.chunks import LeaseLost
from gateway.store.clock import DatabaseClock
from gateway.store.database import Database
from gateway.telemetry import CHUNKS_IN_FLIGHT, LEASES_LOST, log
from gateway.transports.base import Transport

_GROUPS_PER_TURN: Final = 4
"""Groups of a chunk before others have their turn."""
_IDLE_S: Final = 0.2
"""How often an idle worker looks for work: half of this is what a campaign waits to start."""
_RENEW_EVERY_S: Final = 10.0
_BACK_OFF_S: Final = (0.2, 0.5, 1.0, 2.0)
_FAULTS_MAX: Final = 5
"""Tries to settle a group against a fault that is not "the database is away"."""
_SINGLES_MAX: Final = 512
"""Born-claimed chunks in flight; beyond it they are left to the workers."""


class Engine:
    """Runs until `drain`. With `claims` False it only sends what is handed to it (the API's own messages)."""

    def __init__(
        self,
        *,
        db: Database,
        keys: Keys,
        transports: Mapping[str, Transport],
        board: LaneBoard,
        clock: DatabaseClock,
        owner: int,
        groups_max: int,
        lease_s: int,
        dice: random.Random,
        claims: bool = True,
    ) -> None:
        self.owner = owner
        self.is_draining = False
        self.claimed_at_s = clock.now_s()
        self._db = db
        self._keys = keys
        self._clock = clock
        self._groups_max = groups_max
        self._lease_s = lease_s
        self._dice = dice
        self.claims = claims
        self._feed = Feed(db, keys, transports)
        self._sender = GroupSender(
            transports, board, clock=clock.now_s, dice=dice, is_stopping=lambda: self.is_draining
        )
        self._singles = Singles(db, keys)
        self._work: dict[asyncio.Task[None], Chunk] = {}
        self._handed: dict[asyncio.Task[None], Chunk] = {}
        self._freed = asyncio.Event()
        self._drained = asyncio.Event()
        self._claiming = asyncio.Lock()

    # --- the claim loop ---------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Claims and sends until `drain` is called. A database that is away is waited for."""
        renewing = asyncio.create_task(self._keep_leases())
        try:
            while not self.is_draining:
                self._freed.clear()
                async with self._claiming:
                    claimed = await self._claim() if self.claims else 0
                if not claimed or len(self._work) >= self._groups_max:
                    await self._wait_for_room()
            await self._drained.wait()
        finally:
            renewing.cancel()

    async def drain(self, within_s: float) -> None:
        """Claims nothing more, lets the requests under way finish and be settled, gives the rest back."""
        self.is_draining = True
        self._freed.set()
        async with self._claiming:  # what a claim under way brings has to be given back, too
            pass
        under_way = [*self._work, *self._handed]
        if under_way:
            _, late = await asyncio.wait(under_way, timeout=within_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._singles.aclose()
        # Chunks of groups that were cut off, and of claims whose answer was lost: nobody has to wait for their leases.
        with contextlib.suppress(StoreUnavailable):
            await chunks.release_owned(self._db, owner=self.owner)
        self._drained.set()

    async def _claim(self) -> int:
        free = self._groups_max - len(self._work)
        if free <= 0:
            return 0
        try:
            claimed = await chunks.claim(self._db, owner=self.owner, limit=free, lease_s=self._lease_s)
        except StoreUnavailable:
            await asyncio.sleep(1.0)
            return 0
        except Exception as fault:  # noqa: BLE001 - a worker that stopped looking for work would be a silent one
            log("delivery").error("claim_failed_inside", exc_info=fault)
            await asyncio.sleep(1.0)
            return 0
        self.claimed_at_s = self._clock.now_s()
        for chunk in claimed.chunks:
            self._start(self._run_chunk(chunk), chunk, self._work)
        return len(claimed.chunks)

    async def _wait_for_room(self) -> None:
        try:
            async with asyncio.timeout(_IDLE_S * self._dice.uniform(0.75, 1.25)):
                await self._freed.wait()
        except TimeoutError:
            return

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(min(_RENEW_EVERY_S, self._lease_s / 3))
            held = [*self._work.values(), *self._handed.values()]
            if held:
                try:
                    await chunks.renew(self._db, held, lease_s=self._lease_s)
                except Exception as fault:  # noqa: BLE001 - it is tried again in a moment, whatever it was
                    log("delivery").warning("leases_not_renewed", fault=type(fault).__name__)

    def _start(self, work: Coroutine[None, None, None], chunk: Chunk, among: dict[asyncio.Task[None], Chunk]) -> None:
        task = asyncio.create_task(work)
        among[task] = chunk
        task.add_done_callback(lambda done: self._ended(done, among))
        CHUNKS_IN_FLIGHT.set(len(self._work) + len(self._handed))

    def _ended(self, task: asyncio.Task[None], among: dict[asyncio.Task[None], Chunk]) -> None:
        del among[task]
        self._freed.set()
        if not task.cancelled() and (fault := task.exception()) is not None:
            log("delivery").error("chunk_failed_inside", exc_info=fault)

    # --- a chunk ----------------------------------------------------------------------------------------------------

    async def _run_chunk(self, chunk: Chunk) -> None:
        try:
            await self._send_groups(chunk)
        except StoreUnavailable:
            log("delivery").warning("chunk_left", message=chunk.key.message_id, bucket=chunk.key.bucket)
            await self._give_back(chunk)

    async def _give_back(self, chunk: Chunk) -> None:
        """Frees a chunk once the database is there again; if it stays away, the lease runs out and does the same."""
        for pause_s in _BACK_OFF_S:
            await asyncio.sleep(pause_s)
            with contextlib.suppress(StoreUnavailable):
                await chunks.release(self._db, chunk)
                return

    async def _send_groups(self, chunk: Chunk) -> None:
        """Up to four groups, then the chunk goes back to the queue (or is done)."""
        ready = await self._feed.prepared(chunk.key.app_id, chunk.key.message_id)
        if ready is None:
            await chunks.abandon(self._db, chunk)
            return
        for _ in range(_GROUPS_PER_TURN):
            read_at = self._clock.now()
            group = await self._feed.next_group(chunk, ready)
            credentials = await self._keys.credentials(chunk.key.app_id)
            fates = await self._sender.send(
                ready, group.devices, credentials, attempt=chunk.key.attempt, strikes=chunk.strikes
            )
            wait_s = settle.put_off_s(group, fates)
            if wait_s is not None:
                await chunks.release(self._db, chunk, delay_s=wait_s)
                return
            result = settle.result_of(chunk, ready, group, fates, read_at=read_at, dice=self._dice)
            try:
                hold = await self._settle_stubbornly(result)
            except LeaseLost:
                LEASES_LOST.inc()
                await chunks.release(self._db, chunk)
                return
            figures.count(group, fates, result, now=self._clock.now(), planned_at=ready.message.planned_at)
            chunk = settle.advanced(chunk, result)
            if result.is_finished:
                await closing.close_of(self._db, self._keys, chunk.key.app_id, chunk.key.message_id)
                return
            if hold is not Hold.NONE or self.is_draining:
                break
        await chunks.release(self._db, chunk)

    async def _settle_stubbornly(self, result: GroupResult) -> Hold:
        """Settles as soon as the database is there. What was sent is never forgotten while this process lives.

        A commit whose answer was lost is not written twice: the next try finds another cursor.
        """
        tries = 0
        while True:
            try:
                return await chunks.settle(self._db, result, lease_s=self._lease_s)
            except StoreUnavailable:
                await asyncio.sleep(_BACK_OFF_S[min(tries, len(_BACK_OFF_S) - 1)])
                tries += 1
            except LeaseLost:
                raise
            except Exception as fault:
                # Forgetting what was sent sends it again: a fault of ours has to show itself a few times first.
                if tries >= _FAULTS_MAX:
                    raise
                log("delivery").error("settle_failed_inside", exc_info=fault)
                await asyncio.sleep(_BACK_OFF_S[-1])
                tries += 1

    # --- what the API hands over ------------------------------------------------------------------------------------

    def room(self) -> int:
        """How many born-claimed chunks it would take now."""
        return 0 if self.is_draining else max(0, _SINGLES_MAX - len(self._handed))

    def take(self, work: Sequence[Handover]) -> None:
        """Sends chunks that were born claimed by `owner`, each with its devices, without reading anything."""
        for handover in work:
            self._start(self._send_handover(handover), handover.chunk, self._handed)

    async def _send_handover(self, handover: Handover) -> None:
        # Its devices were read after this moment: one that came back with a new address since is not closed.
        read_at = handover.message.planned_at
        ready = await self._feed.prepare(handover.message)
        chunk = handover.chunk
        group = Group(handover.devices, [], chunk.hi, is_last=True)
        credentials = await self._keys.credentials(chunk.key.app_id)
        fates = await self._sender.send(ready, group.devices, credentials, attempt=0, strikes=0)
        result = settle.result_of(chunk, ready, group, fates, read_at=read_at, dice=self._dice)
        await self._singles.settle(result, is_whole=handover.is_whole)
        figures.count(group, fates, result, now=self._clock.now(), planned_at=ready.message.planned_at)
