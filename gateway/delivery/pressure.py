"""Under which sending is counted exactly, for one process: who got what lately, who is on the way, whose turn it is.

Groups under caps are sent by one process at a time in each stretch of a bucket, the holder of its lease. Within the
process they run side by side: whoever is on the way with another message is waited for. So between two looks at the
same device its last message is either settled and counted, or known to be under way here.
"""

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

from gateway.delivery.leases import renewal_s
from gateway.delivery.stretch import Look, Stretch, StretchKey
from gateway.model.errors import StoreUnavailable
from gateway.model.limits import RECENT_IDS_MAX, RECENT_STRETCHES_MAX, TTL_S_MAX
from gateway.policy.caps import Kind, Seen
from gateway.policy.recent import Recent, reached
from gateway.policy.tally import Tally
from gateway.store import pressure as store
from gateway.store.database import Database
from gateway.telemetry import log

LAG_S: Final = 1.0
"""What is sent outside of our lease (to a person's other devices, or past caps) is heard of within so long."""
_LINGER_S: Final = 0.3
"""An idle stretch is given up after so long: between two groups of a chunk it is ours all the time."""
_TICK_S: Final = 0.1
_OVERLAP_S: Final = 5.0
"""Looks overlap by so much: a row's time is its transaction's beginning, and it is seen at its end."""
_KEPT_S: Final = 60.0
"""What nobody asked for in so long is forgotten."""


class Pressure:
    """The stretches that this process sends in."""

    def __init__(
        self, db: Database, *, owner: int, lease_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock`: monotonic seconds; moments of messages come in as arguments."""
        self._db = db
        self._owner = owner
        self._lease_s = lease_s
        self._clock = clock
        self._stretches: OrderedDict[StretchKey, Stretch] = OrderedDict()
        self._keeping: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def inside(self, key: StretchKey, ids: tuple[int, int]) -> AsyncGenerator[Stretch | None]:
        """The stretch, with its lease ours for the length of the block; None while another process has it.

        `ids`: the first and the last that may lie in it. Raises `StoreUnavailable`.
        """
        stretch = self._stretch(key, ids)
        stretch.guests += 1
        try:
            yield stretch if await self._taken(stretch) else None
        finally:
            stretch.guests -= 1
            stretch.used_at_s = self._clock()

    def is_ours(self, stretch: Stretch) -> bool:
        """Whether no other process sends in this stretch at this moment."""
        return self._clock() < stretch.held_until_s

    async def is_torn(self, stretch: Stretch, ids: Collection[int], *, besides: int) -> bool:
        """Whether some of these may have got another message than `besides` from a process that died on it.

        Nobody knows before its chunk is taken up again and its group is settled; that comes soon, or does not count.
        """
        if not stretch.may_be_torn:
            return False
        found = await store.torn(self._db, stretch.key, stretch.ids)
        stretch.may_be_torn = bool(found)
        first, last = min(ids), max(ids)
        return any(message != besides and cursor < last and hi >= first for message, cursor, hi in found)

    async def tallied(self, stretch: Stretch, *, since_s: float, kinds: Collection[Kind]) -> None:
        """Makes sure that its tally has what came since `since_s` (Unix time), but for the last second elsewhere."""
        await self._look(stretch, stretch.tally_look, stretch.tally, self._read_tally, since_s=since_s, kinds=kinds)

    async def up_to_date(self, stretch: Stretch, *, since_s: float, kinds: Collection[Kind]) -> None:
        """Makes sure that it knows who got what since `since_s` (Unix time), but for the last second elsewhere."""
        await self._look(stretch, stretch.recent_look, stretch.recent, self._read, since_s=since_s, kinds=kinds)

    def seen_elsewhere(self, key: StretchKey, ids: tuple[int, int]) -> Stretch:
        """A stretch that is looked into without its lease, for a person's other devices."""
        stretch = self._stretch(key, ids)
        stretch.used_at_s = self._clock()
        return stretch

    async def aclose(self) -> None:
        """Gives all leases back."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        with contextlib.suppress(StoreUnavailable):
            await store.free_owned(self._db, owner=self._owner)

    async def _taken(self, stretch: Stretch) -> bool:
        async with stretch.asking:
            if self._is_fresh(stretch):
                return True
            asked_at_s = self._clock()
            fence = await store.take(self._db, stretch.key, owner=self._owner, lease_s=self._lease_s)
            if fence is None:
                stretch.held_until_s = float("-inf")
                return False
            stretch.fenced(fence)
            stretch.asked_at_s, stretch.held_until_s = asked_at_s, asked_at_s + self._lease_s
            self._keep()
            return True

    def _is_fresh(self, stretch: Stretch) -> bool:
        """Whether the lease is ours, and was renewed lately."""
        return self.is_ours(stretch) and self._clock() < stretch.asked_at_s + renewal_s(int(self._lease_s))

    def _stretch(self, key: StretchKey, ids: tuple[int, int]) -> Stretch:
        stretch = self._stretches.get(key)
        if stretch is None:
            self._forget_some()
            stretch = self._stretches[key] = Stretch(key, ids)
        self._stretches.move_to_end(key)
        return stretch

    async def _look(
        self,
        stretch: Stretch,
        look: Look,
        known: Tally | Recent,
        read: Callable[[Stretch, float, Collection[Kind]], Awaitable[float]],
        *,
        since_s: float,
        kinds: Collection[Kind],
    ) -> None:
        async with stretch.asking:
            is_deep = look.is_deep(since_s, kinds)
            if is_deep and self._clock() - look.looked_at_s < LAG_S:
                return
            looked_at_s = self._clock()
            from_s = max(since_s, look.heard_until_s - _OVERLAP_S) if is_deep else since_s
            look.heard_until_s = max(look.heard_until_s, await read(stretch, from_s, kinds))
            if not is_deep:
                look.reaches_back_to_s, look.kinds = since_s, frozenset(kinds)
            elif since_s - look.reaches_back_to_s > _KEPT_S:
                known.forget_before(since_s)
                look.reaches_back_to_s = since_s
            look.looked_at_s = looked_at_s

    async def _read(self, stretch: Stretch, from_s: float, kinds: Collection[Kind]) -> float:
        """Takes in who got what; the time of the newest row."""
        newest_s = float("-inf")
        for row in await store.recent(self._db, stretch.key[:2], stretch.ids, _since(from_s, kinds)):
            seen = Seen(row.message_id, row.at.timestamp(), Kind(row.category))
            key = (row.message_id, row.lo, row.attempt)
            stretch.recent.add(key, seen, reached(row.ids, row.codes, within=stretch.ids))
            newest_s = max(newest_s, seen.at_s)
        return newest_s

    async def _read_tally(self, stretch: Stretch, from_s: float, kinds: Collection[Kind]) -> float:
        """Takes in which messages came; the time of the newest one."""
        newest_s = float("-inf")
        for came in await store.came(self._db, stretch.key[:2], stretch.ids, _since(from_s, kinds)):
            at_s = came.at.timestamp()
            stretch.tally.add(came.message_id, at_s, alone=came.alone)
            newest_s = max(newest_s, at_s)
        return newest_s

    def _forget_some(self) -> None:
        """Keeps memory bounded: what was not asked for in a while goes, and the longest unused of too much."""
        idle_since_s = self._clock() - _KEPT_S
        held = sum(map(_held, self._stretches.values()))
        for key, stretch in list(self._stretches.items()):
            is_too_much = held > RECENT_IDS_MAX or len(self._stretches) >= RECENT_STRETCHES_MAX
            if not stretch.is_busy and not self.is_ours(stretch) and (is_too_much or stretch.used_at_s < idle_since_s):
                held -= _held(stretch)
                del self._stretches[key]

    def _keep(self) -> None:
        if self._keeping is None or self._keeping.done():
            self._keeping = asyncio.create_task(self._keep_stretches())

    async def _keep_stretches(self) -> None:
        """Renews the leases of busy stretches, gives back those of idle ones and forgets what nobody asks for.

        Until none is left: the last campaign's ids go a minute after it, though no other one comes.
        """
        while self._stretches:
            await asyncio.sleep(_TICK_S)
            self._forget_some()
            try:
                await self._renew()
                await self._give_back()
            except Exception as fault:  # noqa: BLE001 - it is tried again in a moment, whatever it was
                log("delivery").warning("stretch_leases_not_renewed", fault=type(fault).__name__)

    async def _renew(self) -> None:
        now_s = self._clock()
        aged = [
            stretch for stretch in self._stretches.values() if self.is_ours(stretch) and not self._is_fresh(stretch)
        ]
        if not aged:
            return
        ours = await store.renew(self._db, [stretch.key for stretch in aged], owner=self._owner, lease_s=self._lease_s)
        for stretch in aged:
            is_ours = stretch.key in ours
            stretch.asked_at_s, stretch.held_until_s = now_s, now_s + self._lease_s if is_ours else float("-inf")

    async def _give_back(self) -> None:
        idle = [
            stretch for stretch in self._stretches.values() if self._is_idle(stretch) and not stretch.asking.locked()
        ]
        if not idle:
            return
        async with contextlib.AsyncExitStack() as stack:  # nobody takes one anew while it is being given up
            for stretch in idle:
                await stack.enter_async_context(stretch.asking)
            given = [stretch for stretch in idle if self._is_idle(stretch)]
            for stretch in given:
                stretch.held_until_s = float("-inf")
            await store.free(self._db, [stretch.key for stretch in given], owner=self._owner)

    def _is_idle(self, stretch: Stretch) -> bool:
        return self.is_ours(stretch) and not stretch.is_busy and stretch.used_at_s < self._clock() - _LINGER_S


def _held(stretch: Stretch) -> int:
    return len(stretch.recent) + len(stretch.tally)


def _since(from_s: float, kinds: Collection[Kind]) -> store.Since:
    moment = datetime.fromtimestamp(from_s, UTC)
    return store.Since(sorted(kinds), moment, (moment - timedelta(seconds=TTL_S_MAX)).date())
