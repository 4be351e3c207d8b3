"""Day partitions: there before they are needed, gone when their time is over, and never too early."""

from datetime import date, timedelta

import asyncpg
import pytest

from gateway.model.delivery import Code
from gateway.store import outcomes, partitions
from gateway.store.database import Database
from tests.store.rows import make_app, work

TODAY = date(2026, 2, 27)


async def days_of(db: Database, table: str) -> list[str]:
    rows = await db.fetch(
        "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = $1::text::regclass ORDER BY 1",
        table,
    )
    return [row["name"].removeprefix(f"{table}_") for row in rows]


async def test_two_weeks_are_made_ahead_and_once(database: Database):
    """Sending goes on even if the loop that makes them stands still for days; months of 28 days are no trouble."""
    made = await partitions.ensure(database, today=TODAY)

    wanted = [f"{TODAY + timedelta(days=offset):%Y%m%d}" for offset in range(-1, 15)]
    assert made == len(partitions.TABLES) * len(wanted) == 48
    assert await days_of(database, "outcomes") == await days_of(database, "receipts") == wanted
    assert "20260301" in wanted
    assert await partitions.ensure(database, today=TODAY) == 0
    assert await partitions.ensure(database, today=TODAY + timedelta(days=1)) == 3

    # What is about to be stored finds its place, at both ends of a day; what is beyond does not.
    app = await make_app(database)
    key = work(app, 1024, [1]).key
    for offset in (-1, 0, 15):
        await outcomes.insert_outcomes(database, [(key, TODAY + timedelta(days=offset), 1, [1], bytes([Code.SENT]))])
    with pytest.raises(asyncpg.CheckViolationError):
        await outcomes.insert_outcomes(database, [(key, TODAY + timedelta(days=16), 1, [1], bytes([Code.SENT]))])

    # Ids lie outside of the row: a look-up by range reads small rows only.
    options = await database.fetchval("SELECT reloptions FROM pg_class WHERE relname = 'outcomes_20260227'")
    assert options == ["toast_tuple_target=128"]

    # Dropping takes whole days before the given one, and nothing else.
    assert await partitions.drop_older(database, than=TODAY) == 3
    assert (await days_of(database, "outcomes"))[0] == "20260227"
    assert await database.fetchval("SELECT count(*) FROM outcomes") == 2
    assert await partitions.drop_older(database, than=TODAY) == 0
