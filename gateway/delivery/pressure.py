"""Under which sending is counted exactly, for one process: who got what lately, who is on the way, whose bucket it is.

Groups under caps of one app and bucket are sent by one process at a time, the holder of the bucket's lease. Within the
process they run side by side: whoever is on the way with another message is waited for. So between two looks at the
same device its last message is either settled and counted, or known to be under way here.
"""

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

from gateway.delivery.bucket import Bucket
from gateway.delivery.leases import renewal_s
from gateway.model.errors import StoreUnavailable
from gateway.model.limits import RECENT_BUCKETS_MAX, RECENT_IDS_MAX, TTL_S_MAX
from gateway.policy.caps import Kind, Seen
from gateway.policy.recent import reached
from gateway.store import pressure as store
from gateway.store.database import Database
from gateway.telemetry import log

LAG_S: Final = 1.0
"""What is sent outside of our lease (to a person's other devices, or past caps) is heard of within so long."""
_LINGER_S: Final = 0.3
"""An idle bucket is given up after so long: between two groups of a chunk it is ours all the time."""
_TICK_S: Final = 0.1
_OVERLAP_S: Final = 5.0
"""Looks overlap by so much: a row's time is its transaction's beginning, and it is seen at its end."""
_KEPT_S: Final = 60.0
"""What nobody asked for in so long is forgotten."""


class Pressure:
    """The buckets that this process sends in."""

    def __init__(
        self, db: Database, *, owner: int, lease_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock`: monotonic seconds; moments of messages come in as arguments."""
        self._db = db
        self._owner = owner
        self._lease_s = lease_s
        self._clock = clock
        self._buckets: OrderedDict[tuple[int, int], Bucket] = OrderedDict()
        self._keeping: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def inside(self, app_id: int, number: int) -> AsyncGenerator[Bucket | None]:
        """The bucket, with its lease ours for the length of the block; None while another process has it.

        Raises `StoreUnavailable`.
        """
        bucket = self._bucket(app_id, number)
        bucket.guests += 1
        try:
            yield bucket if await self._taken(bucket) else None
        finally:
            bucket.guests -= 1
            bucket.used_at_s = self._clock()

    def is_ours(self, bucket: Bucket) -> bool:
        """Whether no other process sends in this bucket at this moment."""
        return self._clock() < bucket.held_until_s

    async def up_to_date(self, bucket: Bucket, *, since_s: float, kinds: Collection[Kind]) -> None:
        """Makes sure that the bucket knows what came since `since_s` (Unix time), but for the last second elsewhere."""
        async with bucket.asking:
            is_deep = bucket.reaches_back_to_s <= since_s and bucket.kinds.issuperset(kinds)
            if is_deep and self._clock() - bucket.looked_at_s < LAG_S:
                return
            looked_at_s = self._clock()
            await self._read(bucket, max(since_s, bucket.heard_until_s - _OVERLAP_S) if is_deep else since_s, kinds)
            if not is_deep:
                bucket.reaches_back_to_s, bucket.kinds = since_s, frozenset(kinds)
            elif since_s - bucket.reaches_back_to_s > _KEPT_S:
                bucket.recent.forget_before(since_s)
                bucket.reaches_back_to_s = since_s
            bucket.looked_at_s = looked_at_s

    def seen_elsewhere(self, app_id: int, number: int) -> Bucket:
        """A bucket that is looked into without its lease, for a person's other devices."""
        bucket = self._bucket(app_id, number)
        bucket.used_at_s = self._clock()
        return bucket

    async def aclose(self) -> None:
        """Gives all leases back."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        with contextlib.suppress(StoreUnavailable):
            await store.free_owned(self._db, owner=self._owner)

    async def _taken(self, bucket: Bucket) -> bool:
        async with bucket.asking:
            if self._is_fresh(bucket):
                return True
            asked_at_s = self._clock()
            app_id, number = bucket.key
            fence = await store.take_bucket(
                self._db, app_id=app_id, bucket=number, owner=self._owner, lease_s=self._lease_s
            )
            if fence is None:
                bucket.held_until_s = float("-inf")
                return False
            if fence != bucket.fence:
                bucket.fence, bucket.looked_at_s = fence, float("-inf")
            bucket.asked_at_s, bucket.held_until_s = asked_at_s, asked_at_s + self._lease_s
            self._keep()
            return True

    def _is_fresh(self, bucket: Bucket) -> bool:
        """Whether the lease is ours, and was renewed lately."""
        return self.is_ours(bucket) and self._clock() < bucket.asked_at_s + renewal_s(int(self._lease_s))

    def _bucket(self, app_id: int, number: int) -> Bucket:
        bucket = self._buckets.get((app_id, number))
        if bucket is None:
            bucket = self._buckets[app_id, number] = Bucket(app_id, number)
            self._forget_some()
        self._buckets.move_to_end((app_id, number))
        return bucket

    async def _read(self, bucket: Bucket, from_s: float, kinds: Collection[Kind]) -> None:
        since = datetime.fromtimestamp(from_s, UTC)
        rows = await store.recent(
            self._db,
            app_id=bucket.key[0],
            bucket=bucket.key[1],
            categories=sorted(kinds),
            day=(since - timedelta(seconds=TTL_S_MAX)).date(),
            since=since,
        )
        for row in rows:
            seen = Seen(row.message_id, row.at.timestamp(), Kind(row.category))
            bucket.recent.add((row.message_id, row.lo, row.attempt), seen, reached(row.ids, row.codes))
            bucket.heard_until_s = max(bucket.heard_until_s, seen.at_s)

    def _forget_some(self) -> None:
        """Keeps memory bounded: what was not asked for in a while goes, and the longest unused of too much."""
        idle_since_s = self._clock() - _KEPT_S
        held = sum(len(bucket.recent) for bucket in self._buckets.values())
        for key, bucket in list(self._buckets.items())[:-1]:
            is_too_much = held > RECENT_IDS_MAX or len(self._buckets) > RECENT_BUCKETS_MAX
            if not bucket.is_busy and not self.is_ours(bucket) and (is_too_much or bucket.used_at_s < idle_since_s):
                held -= len(bucket.recent)
                del self._buckets[key]

    def _keep(self) -> None:
        if self._keeping is None or self._keeping.done():
            self._keeping = asyncio.create_task(self._keep_leases())

    async def _keep_leases(self) -> None:
        """Renews the leases of busy buckets and gives back those of idle ones, until none is left."""
        while any(self.is_ours(bucket) for bucket in self._buckets.values()):
            await asyncio.sleep(_TICK_S)
            try:
                await self._renew()
                await self._give_back()
            except Exception as fault:  # noqa: BLE001 - it is tried again in a moment, whatever it was
                log("delivery").warning("bucket_leases_not_renewed", fault=type(fault).__name__)

    async def _renew(self) -> None:
        now_s = self._clock()
        aged = [bucket for bucket in self._buckets.values() if self.is_ours(bucket) and not self._is_fresh(bucket)]
        if not aged:
            return
        ours = await store.renew_buckets(
            self._db, [bucket.key for bucket in aged], owner=self._owner, lease_s=self._lease_s
        )
        for bucket in aged:
            is_ours = bucket.key in ours
            bucket.asked_at_s, bucket.held_until_s = now_s, now_s + self._lease_s if is_ours else float("-inf")

    async def _give_back(self) -> None:
        for bucket in list(self._buckets.values()):
            if self._is_idle(bucket):
                async with bucket.asking:  # nobody takes it anew while it is being given up
                    if self._is_idle(bucket):
                        bucket.held_until_s = float("-inf")
                        app_id, number = bucket.key
                        await store.free_bucket(self._db, app_id=app_id, bucket=number, owner=self._owner)

    def _is_idle(self, bucket: Bucket) -> bool:
        return self.is_ours(bucket) and not bucket.is_busy and bucket.used_at_s < self._clock() - _LINGER_S
