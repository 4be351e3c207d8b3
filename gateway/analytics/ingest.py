"""Receipts from devices: checked, collected for a moment, and written together, each app's by themselves.

A receipt counts only with the token that its message carried (`policy.receipt_token`); what is forged, foreign or too
old is counted in a metric and otherwise ignored, so that a forger learns nothing. A click or a close says that the
notification was on the screen, and Safari reports nothing else: both therefore count as shown too, once.

A report is answered when it is committed, not when it is queued: a device that got its answer forgets the receipt.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

import msgspec

from gateway.model.app import App
from gateway.model.errors import GatewayError
from gateway.model.event import ARM_STEP, ReceiptKind
from gateway.model.ids import bucket_of_id
from gateway.model.limits import (
    RECEIPT_BATCH_MAX,
    RECEIPT_FLUSH_S,
    RECEIPT_QUEUE_MAX,
    RECEIPT_RETRY_S,
    RECEIPT_TOKEN_DAYS,
)
from gateway.policy import receipt_token
from gateway.policy.receipt_token import ReceiptClaim
from gateway.store import hours
from gateway.store import receipts as store
from gateway.store.database import Database
from gateway.store.group_commit_by_app import GroupCommitByApp
from gateway.store.receipts import Receipt
from gateway.telemetry import RECEIPTS

_APPS_AT_ONCE: Final = 3
"""Transactions under way: most of the pool is for those who wait for less than a count."""
_NAMES: Final = {kind: kind.name.lower() for kind in ReceiptKind}


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


class _Issuer(msgspec.Struct, frozen=True):
    """An app that tokens are of, and what they may be signed with."""

    app: App
    secrets: Mapping[int, bytes]


class Ingest:
    """Takes receipts for the whole process. Close it before the database."""

    def __init__(
        self, database: Database, apps: Apps, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._database = database
        self._apps = apps
        self._clock = clock
        self._together: GroupCommitByApp[Receipt, None] = GroupCommitByApp(
            self._write,
            flush_s=RECEIPT_FLUSH_S,
            batch_max=RECEIPT_BATCH_MAX,
            waiting_max=RECEIPT_QUEUE_MAX,
            at_once=_APPS_AT_ONCE,
            retry_after_s=RECEIPT_RETRY_S,
        )

    async def take(self, reports: Sequence[Report]) -> int:
        """How many of the reports are genuine, once they are committed.

        Raises:
            GatewayError: 429 while too many wait, 503 where the database is away. What was written then counts once,
                however often it is brought.
        """
        now = self._clock()
        issuers = await self._issuers({receipt_token.app_of(one.token) for one in reports})
        genuine = 0
        by_app: dict[int, list[Receipt]] = {}
        for report in reports:
            found = _read(report, issuers, now)
            if not found:
                RECEIPTS.labels(_NAMES[report.kind], "ignored").inc()
                continue
            genuine += 1
            by_app.setdefault(receipt_token.app_of(report.token) or 0, []).extend(found)
        # All run to their end, even if one fails.
        ends = await asyncio.gather(*(self._together.put(*one) for one in by_app.items()), return_exceptions=True)
        for fault in ends:
            if isinstance(fault, GatewayError) and fault.kind == "rate_limit":
                RECEIPTS.labels("any", "refused").inc(len(reports))
            if isinstance(fault, BaseException):
                raise fault
        return genuine

    async def aclose(self) -> None:
        """Writes what waits."""
        await self._together.aclose()

    async def _issuers(self, app_ids: Iterable[int | None]) -> dict[int, _Issuer]:
        """Those of these apps that there are. Raises where the database is away: nobody knows then."""
        found: dict[int, _Issuer] = {}
        for app_id in app_ids:
            if app_id is None:
                continue
            try:
                app = await self._apps.app_by_id(app_id)
                found[app_id] = _Issuer(app, await self._apps.receipt_secrets(app_id))
            except GatewayError as fault:
                if fault.kind == "unavailable":
                    raise
        return found

    async def _write(self, app_id: int, receipts: Sequence[Receipt]) -> Sequence[None]:
        async with self._database.transaction() as db:
            new = await store.insert_new(db, app_id=app_id, receipts=receipts)
            fresh = Counter((one.bucket, one.message_id, one.kind + ARM_STEP * one.arm) for one in new)
            if fresh:
                await store.add_counts(db, app_id=app_id, counts=fresh)
                clicked = {
                    (one.bucket, one.subscription_id): one.at.hour for one in new if one.kind == ReceiptKind.CLICKED
                }
                if clicked:
                    await hours.add(db, app_id=app_id, seen=clicked)
        for (_, _, kind), n in fresh.items():
            RECEIPTS.labels(_NAMES[ReceiptKind(kind % ARM_STEP)], "counted").inc(n)
        if len(receipts) > len(new):
            RECEIPTS.labels("any", "repeated").inc(len(receipts) - len(new))
        return [None] * len(receipts)


def _read(report: Report, issuers: Mapping[int, _Issuer], now: datetime) -> list[Receipt]:
    """The report, and with a click or a close that it was shown; nothing where it is not genuine."""
    issuer = issuers.get(receipt_token.app_of(report.token) or 0)
    if issuer is None:
        return []
    claim = receipt_token.read(report.token, secrets=issuer.secrets, today=now.date())
    if claim is None or not claim.allows(report.kind):
        return []
    rows = [_receipt(claim, report.kind, issuer.app, _believed(report.at, now), report.action)]
    if report.kind is not ReceiptKind.SHOWN and claim.allows(ReceiptKind.SHOWN):
        rows.append(_receipt(claim, ReceiptKind.SHOWN, issuer.app, _believed(report.at, now), ""))
    return rows


def _receipt(claim: ReceiptClaim, kind: ReceiptKind, app: App, at: datetime, action: str) -> Receipt:
    bucket = bucket_of_id(claim.subscription_id, home=app.home, spread=app.spread)
    return Receipt(bucket, claim.message_id, claim.subscription_id, kind, claim.day, at, action, claim.arm)


def _believed(said: datetime | None, now: datetime) -> datetime:
    """The device's time if it can be true: not in the future, and not before its token could have been made."""
    if said is None or said > now or now - said > timedelta(days=RECEIPT_TOKEN_DAYS + 1):
        return now
    return said
