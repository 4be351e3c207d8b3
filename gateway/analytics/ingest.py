"""Receipts from devices: checked, collected for a moment, and written together.

A receipt counts only with the token that its message carried (`policy.receipt_token`); what is forged, foreign or too
old is counted in a metric and otherwise ignored, so that a forger learns nothing. A click or a close says that the
notification was on the screen, and Safari reports nothing else: both therefore count as shown too, once.

A report is answered when it is committed, not when it is queued: a device that got its answer forgets the receipt.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

import msgspec
import structlog

from gateway.model.app import App
from gateway.model.errors import GatewayError
from gateway.model.event import ARM_STEP, ReceiptKind
from gateway.model.ids import bucket_of_id
from gateway.model.limits import RECEIPT_BATCH_MAX, RECEIPT_FLUSH_S, RECEIPT_QUEUE_MAX, RECEIPT_TOKEN_DAYS
from gateway.policy import receipt_token
from gateway.policy.receipt_token import ReceiptClaim
from gateway.store import hours
from gateway.store import receipts as store
from gateway.store.database import Database
from gateway.store.receipts import Receipt
from gateway.telemetry import RECEIPTS

_log: Final = structlog.get_logger(room="ingest")
_BUCKETS_AT_ONCE: Final = 2
"""Transactions of one flush under way: most of the pool is for those who wait for less than a count."""


class Report(msgspec.Struct, frozen=True):
    """What a device says. `at` is its own clock's, or None."""

    token: str
    kind: ReceiptKind
    at: datetime | None = None
    action: str = ""


class Apps(Protocol):
    """Where apps and their secrets are found."""

    async def app_by_id(self, app_id: int) -> App:
        """The app; raises `NotFound`."""
        ...

    async def receipt_secrets(self, app_id: int) -> Mapping[int, bytes]:
        """The secrets that tokens of this app may be signed with, by key id."""
        ...


class _Batch:
    """Receipts that wait for one flush, and the future of those who wait for it."""

    def __init__(self) -> None:
        self.receipts: defaultdict[tuple[int, int], list[Receipt]] = defaultdict(list)
        self.size = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Ingest:
    """Takes receipts for the whole process. Close it before the database."""

    def __init__(
        self, database: Database, apps: Apps, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._database = database
        self._apps = apps
        self._clock = clock
        self._batch: _Batch | None = None
        self._waiting = 0
        self._writing = asyncio.Lock()
        self._flushes: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def take(self, reports: Sequence[Report]) -> int:
        """How many of the reports are genuine, once they are committed.

        Raises:
            GatewayError: 429 while too many wait, 503 where the database is away; nothing was written then.
        """
        now = self._clock()
        if self._waiting + 2 * len(reports) > RECEIPT_QUEUE_MAX:
            RECEIPTS.labels("any", "refused").inc(len(reports))
            raise GatewayError(
                "rate_limited", "Too many receipts at once; send them again.", kind="rate_limit", retry_after_s=5
            )
        batches: set[asyncio.Future[None]] = set()
        genuine = 0
        for report in reports:
            claim, app = await self._read(report, now)
            if claim is None or app is None:
                RECEIPTS.labels(report.kind.name.lower(), "ignored").inc()
                continue
            genuine += 1
            batches.add(self._add(app, claim, report, now))
        for done in batches:
            await asyncio.shield(done)
        return genuine

    async def aclose(self) -> None:
        """Writes what waits."""
        self._start_flush()
        if self._flushes:
            await asyncio.gather(*self._flushes, return_exceptions=True)

    async def _read(self, report: Report, now: datetime) -> tuple[ReceiptClaim | None, App | None]:
        app_id = receipt_token.app_of(report.token)
        if app_id is None:
            return None, None
        try:
            app = await self._apps.app_by_id(app_id)
            secrets = await self._apps.receipt_secrets(app_id)
        except GatewayError as fault:
            if fault.kind == "unavailable":
                raise
            return None, None
        claim = receipt_token.read(report.token, secrets=secrets, today=now.date())
        return (claim, app) if claim is not None and claim.allows(report.kind) else (None, None)

    def _add(self, app: App, claim: ReceiptClaim, report: Report, now: datetime) -> "asyncio.Future[None]":
        batch = self._batch
        if batch is None:
            batch = self._batch = _Batch()
            self._timer = asyncio.get_running_loop().call_later(RECEIPT_FLUSH_S, self._start_flush)
        bucket = bucket_of_id(claim.subscription_id, home=app.home, spread=app.spread)
        rows = _rows(claim, report, now)
        batch.receipts[claim.app_id, bucket] += rows
        batch.size += len(rows)
        self._waiting += len(rows)
        if batch.size >= RECEIPT_BATCH_MAX:
            self._start_flush()
        return batch.done

    def _start_flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        batch, self._batch = self._batch, None
        if batch is not None:
            task = asyncio.get_running_loop().create_task(self._flush(batch))
            self._flushes.add(task)
            task.add_done_callback(self._flushes.discard)

    async def _flush(self, batch: _Batch) -> None:
        """Writes a batch; one at a time, so that a slow database makes batches larger rather than more."""
        try:
            async with self._writing:
                await self._write(batch)
        except GatewayError as fault:
            batch.done.set_exception(fault)
        except Exception as fault:  # noqa: BLE001 - whoever waits must hear of it, whatever it is
            _log.error("receipts_lost", size=batch.size, error=type(fault).__name__, exc_info=fault)
            batch.done.set_exception(GatewayError("internal", "The receipts could not be written.", kind="internal"))
        else:
            batch.done.set_result(None)
        finally:
            self._waiting -= batch.size
            if batch.done.done() and not batch.done.cancelled():
                batch.done.exception()  # read once: those who waited may all have hung up

    async def _write(self, batch: _Batch) -> None:
        limit = asyncio.Semaphore(_BUCKETS_AT_ONCE)

        async def write(app_id: int, bucket: int, rows: list[Receipt]) -> None:
            async with limit:
                await self._write_bucket(app_id, bucket, rows)

        # All run to their end, even if one fails: what was committed twice counts once.
        ends = await asyncio.gather(
            *(write(app_id, bucket, rows) for (app_id, bucket), rows in batch.receipts.items()), return_exceptions=True
        )
        for end in ends:
            if end is not None:
                raise end

    async def _write_bucket(self, app_id: int, bucket: int, rows: list[Receipt]) -> None:
        async with self._database.transaction() as db:
            new = await store.insert_new(db, app_id=app_id, bucket=bucket, receipts=rows)
            fresh = Counter((one.message_id, one.kind + ARM_STEP * one.arm) for one in new)
            if fresh:
                counts = [(message_id, kind, n) for (message_id, kind), n in fresh.items()]
                await store.add_counts(db, app_id=app_id, bucket=bucket, counts=counts)
                clicked = {one.subscription_id: one.at.hour for one in new if one.kind == ReceiptKind.CLICKED}
                if clicked:
                    await hours.add(db, app_id=app_id, bucket=bucket, seen=clicked)
        for (_, kind), n in fresh.items():
            RECEIPTS.labels(ReceiptKind(kind % ARM_STEP).name.lower(), "counted").inc(n)
        if len(rows) > fresh.total():
            RECEIPTS.labels("any", "repeated").inc(len(rows) - fresh.total())


def _rows(claim: ReceiptClaim, report: Report, now: datetime) -> list[Receipt]:
    """The report, and with a click or a close that it was shown."""
    at = _believed(report.at, now)
    rows = [Receipt(claim.message_id, claim.subscription_id, report.kind, claim.day, at, report.action, claim.arm)]
    if report.kind is not ReceiptKind.SHOWN and claim.allows(ReceiptKind.SHOWN):
        rows.append(Receipt(claim.message_id, claim.subscription_id, ReceiptKind.SHOWN, claim.day, at, "", claim.arm))
    return rows


def _believed(said: datetime | None, now: datetime) -> datetime:
    """The device's time if it can be true: not in the future, and not before its token could have been made."""
    if said is None or said > now or now - said > timedelta(days=RECEIPT_TOKEN_DAYS + 1):
        return now
    return said
