"""Day partitions of outcomes, receipts and events of people: made ahead, dropped when their time is over.

Names are built from dates and from the closed list of tables below, never from input.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Final

from gateway.store.database import Queryable

TABLES: Final = ("outcomes", "receipts", "person_events")
AHEAD_DAYS: Final = 14
"""Two weeks: sending goes on even if the loop that makes them stands still for days."""
BEHIND_DAYS: Final = 35
"""Receipt tokens live for 30 days and name their message's day."""


async def ensure(db: Queryable, *, today: date) -> int:
    """Makes the partitions of yesterday and the coming days; how many were made."""
    made = 0
    there = await _existing(db)
    for table in TABLES:
        for offset in range(-1, AHEAD_DAYS + 1):
            day = today + timedelta(days=offset)
            if f"{table}_{day:%Y%m%d}" not in there:
                await _create(db, table, day)
                made += 1
    return made


async def drop_older(db: Queryable, *, than: date) -> int:
    """Drops partitions of days before `than`; how many."""
    dropped = 0
    for name in await _existing(db):
        table, _, digits = name.rpartition("_")
        if table in TABLES and digits.isdigit() and _day(digits) < than:
            await db.execute(f"DROP TABLE {table}_{int(digits):08d}")  # type: ignore[arg-type]  # from our own list and a number
            dropped += 1
    return dropped


def _day(digits: str) -> date:
    return datetime.strptime(digits, "%Y%m%d").replace(tzinfo=UTC).date()


async def _existing(db: Queryable) -> set[str]:
    rows = await db.fetch(
        "SELECT c.relname FROM pg_inherits i"
        " JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent"
        " WHERE p.relname = ANY($1::text[]) AND pg_table_is_visible(c.oid)",
        list(TABLES),
    )
    return {row["relname"] for row in rows}


async def _create(db: Queryable, table: str, day: date) -> None:
    assert table in TABLES
    name = f"{table}_{day:%Y%m%d}"
    following = day + timedelta(days=1)
    await db.execute(
        f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF {table} FOR VALUES FROM ('{day}') TO ('{following}')"  # type: ignore[arg-type]  # names and dates of our own making
    )
    if table == "outcomes":
        # 4 kB of ids never lie in the main tuple: a look-up by range then reads small rows only.
        await db.execute(f"ALTER TABLE {name} SET (toast_tuple_target = 128)")  # type: ignore[arg-type]  # as above
