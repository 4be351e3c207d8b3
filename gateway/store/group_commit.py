"""Group commit: what many callers bring within a moment is written together, and each is answered when it is committed.

Who comes after a pause is written at once; behind it batches begin at even distances, one at a time, and one that is
due while another is being written goes on filling up: many callers, or a slow database, make batches larger rather than
more. What waits is bounded: beyond it callers hear 429 and bring it again. Where a batch fails for a reason of our own,
its callers' items are tried by themselves, so that one of them cannot keep the others from being written.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

import structlog

from gateway.model.errors import GatewayError

Item = TypeVar("Item")
Fate = TypeVar("Fate")
Write = Callable[[Sequence[Item]], Awaitable[Sequence[Fate]]]
"""Writes items, all or none of them, and says what became of each, in their order."""

_log: Final = structlog.get_logger(room="group_commit")


class _Batch(Generic[Item, Fate]):
    """Items that wait for one write, by caller, each with the future that its caller waits for."""

    def __init__(self) -> None:
        self.callers: list[tuple[Sequence[Item], asyncio.Future[Sequence[Fate]]]] = []
        self.size = 0


class Queue:
    """How many items wait or are under way (`taken`), and how many may (`most`)."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken = 0


class GroupCommit(Generic[Item, Fate]):
    """Takes items for the whole process. Close it before the database.

    flush_s: from the beginning of one batch to the next; batch_max: items with which a batch is full; waiting_max: how
    many may wait or be under way; shared: the same for several of them together.
    """

    def __init__(
        self,
        write: Write[Item, Fate],
        *,
        flush_s: float,
        batch_max: int,
        waiting_max: int,
        retry_after_s: int,
        shared: Queue | None = None,
    ) -> None:
        self._write = write
        self._flush_s = flush_s
        self._batch_max = batch_max
        self._retry_after_s = retry_after_s
        self._batch: _Batch[Item, Fate] | None = None
        self._queue = Queue(waiting_max)
        self._queues = [self._queue] if shared is None else [self._queue, shared]
        self._writing = asyncio.Lock()
        self._flushes: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._next_s = 0.0

    @property
    def waiting(self) -> int:
        """Items that are not committed yet."""
        return self._queue.taken

    async def put(self, items: Sequence[Item]) -> Sequence[Fate]:
        """What became of each item, once all of them are committed; they are in one batch.

        Raises:
            GatewayError: 429 while too many wait, 503 where the database is away; nothing was written then.
        """
        if not items:
            return ()
        if any(queue.taken + len(items) > queue.most for queue in self._queues):
            raise GatewayError(
                "rate_limited", "Too much at once; send it again.", kind="rate_limit", retry_after_s=self._retry_after_s
            )
        return await asyncio.shield(self._add(items))

    async def aclose(self) -> None:
        """Writes what waits."""
        self._start_flush()
        if self._flushes:
            await asyncio.gather(*self._flushes, return_exceptions=True)

    def _add(self, items: Sequence[Item]) -> "asyncio.Future[Sequence[Fate]]":
        loop = asyncio.get_running_loop()
        batch = self._batch
        if batch is None:
            batch = self._batch = _Batch()
            self._timer = loop.call_at(max(loop.time(), self._next_s), self._flush_if_idle)
        done: asyncio.Future[Sequence[Fate]] = loop.create_future()
        batch.callers.append((items, done))
        batch.size += len(items)
        for queue in self._queues:
            queue.taken += len(items)
        if batch.size >= self._batch_max:
            self._start_flush()
        return done

    def _flush_if_idle(self) -> None:
        self._timer = None
        if not self._flushes:
            self._start_flush()

    def _flushed(self, task: "asyncio.Task[None]") -> None:
        self._flushes.discard(task)
        if self._timer is None:  # its time came while this one was being written
            self._flush_if_idle()

    def _start_flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        batch, self._batch = self._batch, None
        if batch is not None:
            self._next_s = asyncio.get_running_loop().time() + self._flush_s
            task = asyncio.get_running_loop().create_task(self._flush(batch))
            self._flushes.add(task)
            task.add_done_callback(self._flushed)

    async def _flush(self, batch: _Batch[Item, Fate]) -> None:
        try:
            async with self._writing:
                await self._settle(batch.callers)
        finally:
            for queue in self._queues:
                queue.taken -= batch.size

    async def _settle(self, callers: Sequence[tuple[Sequence[Item], "asyncio.Future[Sequence[Fate]]"]]) -> None:
        try:
            fates = await self._write([item for items, _ in callers for item in items])
        except GatewayError as fault:
            _fail(callers, fault)
        except Exception as fault:  # noqa: BLE001 - whoever waits must hear of it, whatever it is
            _log.error("batch_failed", callers=len(callers), error=type(fault).__name__, exc_info=fault)
            if len(callers) > 1:
                for caller in callers:
                    await self._settle([caller])
            else:
                _fail(callers, GatewayError("internal", "It could not be written.", kind="internal"))
        else:
            _tell(callers, fates)


def _tell(callers: Sequence[tuple[Sequence[Item], "asyncio.Future[Sequence[Fate]]"]], fates: Sequence[Fate]) -> None:
    start = 0
    for items, done in callers:
        done.set_result(fates[start : start + len(items)])
        start += len(items)


def _fail(callers: Sequence[tuple[Sequence[Item], "asyncio.Future[Sequence[Fate]]"]], fault: GatewayError) -> None:
    for _, done in callers:
        done.set_exception(fault)
        done.exception()  # read once: those who waited may all have hung up
