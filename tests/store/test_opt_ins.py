"""Sums of what visitors answered: added by many at once, and found by their key."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.model.app import App
from gateway.model.limits import OPT_IN_ROWS_PER_DAY_MAX
from gateway.model.opt_in import Funnel, OptInDays, OptInKey, OptInOutcome
from gateway.store import opt_ins
from gateway.store.database import Database
from tests.store.plans import plans
from tests.store.rows import TODAY, make_app

_NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
_KEYS = [OptInKey("welcome", _NOW, "", f"/p{n}", "chrome") for n in range(300)]
_MONTH = OptInDays(TODAY - timedelta(days=29), TODAY)

READERS: dict[str, Callable[[Any, App], Awaitable[object]]] = {
    "the room of a day": lambda db, app: opt_ins.count_of_day(db, app, TODAY),
    "rows that are there": lambda db, app: opt_ins.known(db, app, TODAY, _KEYS),
    "a report by day": lambda db, app: opt_ins.by_day(db, app, _MONTH),
    "a report by page": lambda db, app: opt_ins.by_page(db, app, _MONTH, limit=50),
    "a report by browser": lambda db, app: opt_ins.by_browser(db, app, _MONTH),
    "a report by prompt": lambda db, app: opt_ins.by_prompt(db, app, _MONTH),
    "variants of a prompt": lambda db, app: opt_ins.by_variant(db, app, "welcome", began_at=_NOW),
    "what is too old": lambda db, _app: opt_ins.prune(db),
}


async def test_many_count_at_once(db: Database):
    """Processes that add to the same rows in whatever order wait for each other; nothing is lost, nobody deadlocks."""
    app = await make_app(db)

    async def visit(turn: int) -> None:
        outcomes: dict[OptInOutcome, int] = {"asked": 2, "granted": 1}
        keys = _KEYS if turn % 2 else _KEYS[::-1]
        async with db.transaction() as tx:
            await opt_ins.add(tx, app, TODAY, dict.fromkeys(keys, outcomes))

    await asyncio.gather(*(visit(turn) for turn in range(8)))
    assert await opt_ins.by_day(db, app, _MONTH) == {TODAY: Funnel(asked=2 * 8 * 300, granted=8 * 300)}
    assert await opt_ins.count_of_day(db, app, TODAY) == len(_KEYS)
    stranger = OptInKey("welcome", _NOW, "", "/elsewhere", "chrome")
    assert await opt_ins.known(db, app, TODAY, [_KEYS[3], stranger]) == {_KEYS[3]}


@pytest.fixture
async def crowded(db: Database) -> App:
    """An app among others whose days are full."""
    app = await make_app(db)
    for one in (app, await make_app(db)):
        await db.execute(
            """
            INSERT INTO opt_ins (app_id, bucket, day, prompt, began_at, variant, page, browser, asked)
            SELECT $1, $2, $3::date - d, 'welcome', $5, '', '/p' || n, 'chrome', 1
              FROM generate_series(0, 9) d, generate_series(1, $4::int) n
            """,
            one.id,
            one.home,
            TODAY,
            OPT_IN_ROWS_PER_DAY_MAX,
            _NOW,
        )
    await db.execute("ANALYZE opt_ins")
    return app


async def test_sums_are_found_by_their_key(db: Database, crowded: App):
    """A report, or a page that tells something, reads the rows of its own app and days."""
    for what, read in READERS.items():
        text = "\n".join(await plans(db, lambda recording, read=read: read(recording, crowded)))
        assert "opt_ins_pkey" in text or "opt_ins_by_day" in text, f"{what}: {text}"
        assert "Seq Scan on opt_ins" not in text, f"{what}: {text}"
