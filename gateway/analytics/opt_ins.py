"""What visitors answered when they were asked: taken from pages, counted, and told.

Pages are believed, as nothing but these counts depends on them: a report names a prompt and a variant that there are,
or it is left out, and however many are sent, a day of an app has a bounded number of rows. A report is answered once it
is counted; reports of a moment are counted together.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

import structlog

from gateway.model.app import App
from gateway.model.errors import GatewayError
from gateway.model.limits import OPT_IN_FLUSH_S, OPT_IN_QUEUE_MAX, OPT_IN_ROWS_PER_DAY_MAX
from gateway.model.opt_in import OptInReport
from gateway.policy.opt_ins import counted, fitted
from gateway.store import opt_ins as store
from gateway.store.database import Database
from gateway.telemetry import OPT_IN_REPORTS

_log: Final = structlog.get_logger(room="opt_ins")


class _Batch:
    """Reports of an app that are counted together, and the future of those who wait for it."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.reports: list[OptInReport] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class OptIns:
    """Takes outcomes for the whole process. Close it before the database."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        queue_max: int = OPT_IN_QUEUE_MAX,
    ) -> None:
        self._database = database
        self._clock = clock
        self._queue_max = queue_max
        self._batches: dict[int, _Batch] = {}
        self._waiting = 0
        self._writing = asyncio.Lock()
        self._flushes: set[asyncio.Task[None]] = set()

    async def take(self, app: App, reports: Sequence[OptInReport]) -> None:
        """Counts these reports, and returns when they are.

        Raises:
            GatewayError: 429 while too many wait, 503 where the database is away; nothing was counted then.
        """
        if self._waiting + len(reports) > self._queue_max:
            OPT_IN_REPORTS.labels("refused").inc(len(reports))
            raise GatewayError("rate_limited", "Too many reports at once.", kind="rate_limit", retry_after_s=5)
        batch = self._batches.get(app.id)
        if batch is None:
            batch = self._batches[app.id] = _Batch(app)
            asyncio.get_running_loop().call_later(OPT_IN_FLUSH_S, self._start_flush, batch)
        batch.reports += reports
        self._waiting += len(reports)
        await asyncio.shield(batch.done)

    async def aclose(self) -> None:
        """Counts what waits."""
        for batch in list(self._batches.values()):
            self._start_flush(batch)
        if self._flushes:
            await asyncio.gather(*self._flushes, return_exceptions=True)

    def _start_flush(self, batch: _Batch) -> None:
        if self._batches.get(batch.app.id) is not batch:
            return  # closing was quicker
        del self._batches[batch.app.id]
        task = asyncio.get_running_loop().create_task(self._flush(batch))
        self._flushes.add(task)
        task.add_done_callback(self._flushes.discard)

    async def _flush(self, batch: _Batch) -> None:
        """Counts a batch; one at a time, so that a slow database makes batches larger rather than more."""
        try:
            async with self._writing:
                await self._count(batch.app, batch.reports)
        except GatewayError as fault:
            batch.done.set_exception(fault)
        except Exception as fault:  # noqa: BLE001 - whoever waits must hear of it, whatever it is
            _log.error("opt_ins_lost", size=len(batch.reports), error=type(fault).__name__, exc_info=fault)
            batch.done.set_exception(GatewayError("internal", "The reports could not be counted.", kind="internal"))
        else:
            batch.done.set_result(None)
        finally:
            self._waiting -= len(batch.reports)
            if batch.done.done() and not batch.done.cancelled():
                batch.done.exception()  # read once: those who waited may all have hung up

    async def _count(self, app: App, reports: Sequence[OptInReport]) -> None:
        day = self._clock().astimezone(UTC).date()
        async with self._database.transaction() as tx:
            named = sorted({report.prompt for report in reports if report.prompt})
            sums = counted(reports, await store.tried(tx, app.id, named) if named else {})
            if sums:
                room = OPT_IN_ROWS_PER_DAY_MAX - await store.count_of_day(tx, app, day)
                known = await store.known(tx, app, day, list(sums)) if room < len(sums) else set()
                await store.add(tx, app, day, fitted(sums, known=known, room=room))
        taken = sum(counts.total() for counts in sums.values())
        OPT_IN_REPORTS.labels("counted").inc(taken)
        OPT_IN_REPORTS.labels("ignored").inc(len(reports) - taken)
