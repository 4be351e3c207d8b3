"""What visitors answered when they were asked, as pages tell it: counted, a moment's reports of an app together.

Pages are believed, as nothing but these counts depends on them: a report names a prompt and a variant that there are,
or it is left out, and however many are sent, a day of an app has a bounded number of rows. A report is answered once it
is counted.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Final

from gateway.model.app import App
from gateway.model.errors import GatewayError
from gateway.model.limits import (
    OPT_IN_BATCH_MAX,
    OPT_IN_FLUSH_S,
    OPT_IN_QUEUE_MAX,
    OPT_IN_RETRY_S,
    OPT_IN_ROWS_PER_DAY_MAX,
)
from gateway.model.opt_in import OptInReport
from gateway.policy.opt_ins import counted, fitted
from gateway.store import opt_ins as store
from gateway.store.database import Database, Queryable
from gateway.store.group_commit_by_app import GroupCommitByApp
from gateway.telemetry import OPT_IN_REPORTS

_APPS_AT_ONCE: Final = 3
"""Transactions under way."""
_Told = tuple[App, OptInReport]


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
        self._together: GroupCommitByApp[_Told, None] = GroupCommitByApp(
            self._write,
            flush_s=OPT_IN_FLUSH_S,
            batch_max=OPT_IN_BATCH_MAX,
            waiting_max=queue_max,
            at_once=_APPS_AT_ONCE,
            retry_after_s=OPT_IN_RETRY_S,
        )

    async def take(self, app: App, reports: Sequence[OptInReport]) -> None:
        """Counts these reports, and returns when they are.

        Raises:
            GatewayError: 429 while too many wait, 503 where the database is away; nothing was counted then.
        """
        try:
            await self._together.put(app.id, [(app, report) for report in reports])
        except GatewayError as fault:
            if fault.kind == "rate_limit":
                OPT_IN_REPORTS.labels("refused").inc(len(reports))
            raise

    async def aclose(self) -> None:
        """Counts what waits."""
        await self._together.aclose()

    async def _write(self, _app_id: int, told: Sequence[_Told]) -> Sequence[None]:
        app = told[-1][0]
        day = self._clock().astimezone(UTC).date()
        async with self._database.transaction() as tx:
            taken = await _count(tx, app, day, [report for _, report in told])
        OPT_IN_REPORTS.labels("counted").inc(taken)
        OPT_IN_REPORTS.labels("ignored").inc(len(told) - taken)
        return [None] * len(told)


async def _count(db: Queryable, app: App, day: date, reports: Sequence[OptInReport]) -> int:
    """Adds an app's reports to its day; how many of them name what there is."""
    named = sorted({report.prompt for report in reports if report.prompt})
    sums = counted(reports, await store.tried(db, app.id, named) if named else {})
    if sums:
        room = OPT_IN_ROWS_PER_DAY_MAX - await store.count_of_day(db, app, day)
        known = await store.known(db, app, day, list(sums)) if room < len(sums) else set()
        await store.add(db, app, day, fitted(sums, known=known, room=room))
    return sum(counts.total() for counts in sums.values())
