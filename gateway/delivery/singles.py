"""Single sends are settled together: whatever was answered while a transaction was under way goes into the next one."""

import asyncio
import contextlib
from collections import deque
from typing import Final

import msgspec

from gateway.delivery.ports import Work
from gateway.model.errors import StoreUnavailable
from gateway.model.work import GroupResult
from gateway.telemetry import LEASES_LOST, log

_TOGETHER_MAX: Final = 128
_BACK_OFF_S: Final = 0.5


class _Done(msgspec.Struct, eq=False):
    result: GroupResult
    is_whole: bool
    settled: asyncio.Future[None]


class Singles:
    """Settles for one process. Results stay here until they are written, however long the database is away."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._queue: deque[_Done] = deque()
        self._writing: asyncio.Task[None] | None = None

    async def settle(self, result: GroupResult, *, is_whole: bool) -> None:
        """Returns once the result is in the store (or belongs to somebody else by now)."""
        done = _Done(result, is_whole, asyncio.get_running_loop().create_future())
        self._queue.append(done)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        await done.settled

    async def aclose(self) -> None:
        """Waits for what is under way."""
        if self._writing is not None:
            await asyncio.wait([self._writing], timeout=_BACK_OFF_S * 4)

    async def _write(self) -> None:
        while self._queue:
            batch = self._next_batch()
            try:
                await self._write_batch(batch)
            except Exception as fault:  # noqa: BLE001 - those who wait for this batch must not wait for ever
                log("delivery").error("singles_failed_inside", orders=len(batch), exc_info=fault)
            for done in batch:
                if not done.settled.done():
                    done.settled.set_result(None)

    def _next_batch(self) -> list[_Done]:
        """Results of one bucket of one app, in order of arrival."""
        first = self._queue[0].result.chunk.key
        batch = [
            done
            for done in self._queue
            if (done.result.chunk.key.app_id, done.result.chunk.key.bucket) == (first.app_id, first.bucket)
        ][:_TOGETHER_MAX]
        taken = set(map(id, batch))
        self._queue = deque(done for done in self._queue if id(done) not in taken)
        return batch

    async def _write_batch(self, batch: list[_Done]) -> None:
        whole = {done.result.chunk.key.message_id for done in batch if done.is_whole}
        while True:
            try:
                ours = await self._work.settle_singles([done.result for done in batch], whole=whole)
                break
            except StoreUnavailable:
                await asyncio.sleep(_BACK_OFF_S)
        LEASES_LOST.inc(len(batch) - len(ours))
        for done in batch:
            if not done.is_whole and not done.result.retries:
                key = done.result.chunk.key
                # Where the database is away again, the loop that closes messages does it.
                with contextlib.suppress(StoreUnavailable):
                    await self._work.close(key.app_id, key.message_id)
