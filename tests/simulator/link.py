"""What lies between a process and the rest of the world: latency, lost calls, lost answers, sleep and death."""

import asyncio
import random
from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

import msgspec

from gateway.model.errors import StoreUnavailable
from gateway.model.work import Chunk, GroupResult, Hold
from tests.simulator.model_store import ModelStore

T = TypeVar("T")


class Odds(msgspec.Struct, frozen=True):
    """How often a call is lost before it takes effect, and how often only its answer is."""

    lost: float = 0.0
    unheard: float = 0.0
    latency_s_max: float = 0.01


class Link:
    """A process' way to the store. Asleep, nothing gets through until it wakes; dead, nothing ever does."""

    def __init__(self, store: ModelStore, odds: Odds, dice: random.Random) -> None:
        self.store = store
        self.odds = odds
        self.is_cut = False
        self._dice = dice
        self._awake = asyncio.Event()
        self._awake.set()

    def sleep(self) -> None:
        """SIGSTOP."""
        self._awake.clear()

    def wake(self) -> None:
        """SIGCONT."""
        self._awake.set()

    async def gate(self) -> None:
        """Passes whoever is awake; nobody of a dead process."""
        await self._awake.wait()
        if self.is_cut:
            raise asyncio.CancelledError

    async def call(self, operate: Callable[[], T]) -> T:
        """One transaction, as this process sees it."""
        await self._travel()
        if self.store.is_away or self._dice.random() < self.odds.lost:
            raise StoreUnavailable
        answer = operate()
        await self._travel()
        if self._dice.random() < self.odds.unheard:
            raise StoreUnavailable
        return answer

    async def _travel(self) -> None:
        await self.gate()
        await asyncio.sleep(self._dice.uniform(0, self.odds.latency_s_max))
        await self.gate()


class ModelWork:
    """`delivery.ports.Work` on the model. `settled` hears which recipients this process wrote down."""

    def __init__(
        self, link: Link, *, owner: int, lease_s: float, settled: Callable[[int, Collection[int]], None]
    ) -> None:
        self._link = link
        self._store = link.store
        self._owner = owner
        self._lease_s = lease_s
        self._settled = settled

    async def claim(self, places: int) -> list[Chunk]:
        """Takes due chunks."""
        return await self._link.call(lambda: self._store.claim(owner=self._owner, places=places, lease_s=self._lease_s))

    def served(self, chunk: Chunk, recipients: int) -> None:
        """Turns are not modelled: which due chunk is taken must not matter."""

    async def renew(self, held: Sequence[Chunk]) -> None:
        """Prolongs leases."""
        await self._link.call(lambda: self._store.renew(held, lease_s=self._lease_s))

    async def release(self, chunk: Chunk, *, delay_s: float = 0.0, lane: int | None = None) -> None:
        """Gives back. Nobody resumes a lane here: who waits for one waits its time out."""
        del lane
        await self._link.call(lambda: self._store.release(chunk, delay_s=delay_s))

    async def release_all(self) -> None:
        """Gives everything back."""
        await self._link.call(lambda: self._store.release_owned(self._owner))

    async def abandon(self, chunk: Chunk) -> None:
        """Ends a chunk without a message."""
        await self._link.call(lambda: self._store.abandon(chunk))

    async def settle(self, result: GroupResult) -> Hold:
        """One group."""
        return await self._link.call(lambda: self._settle(result))

    async def settle_singles(self, results: Sequence[GroupResult], *, whole: Collection[int]) -> set[int]:
        """Many single messages."""
        return await self._link.call(lambda: self._settle_singles(results, whole))

    async def close(self, app_id: int, message_id: int) -> bool:
        """Closes a message that is over."""
        del app_id
        return await self._link.call(lambda: self._store.close(message_id))

    def _settle(self, result: GroupResult) -> Hold:
        hold = self._store.settle(result, owner=self._owner, lease_s=self._lease_s)
        self._note(result)
        return hold

    def _settle_singles(self, results: Sequence[GroupResult], whole: Collection[int]) -> set[int]:
        ours = self._store.settle_singles(results, whole=whole)
        for result in results:
            if result.chunk.key.message_id in ours:
                self._note(result)
        return ours

    def _note(self, result: GroupResult) -> None:
        again = [number for new in result.retries for number in new.ids or ()]
        self._settled(result.chunk.key.message_id, [*result.ids, *again])
