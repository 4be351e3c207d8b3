"""What lies in an app's inboxes is read once for all who ask at the same moment."""

import asyncio
from datetime import UTC, datetime
from typing import Any, LiteralString, cast

from gateway.model.inbox import Visitor
from gateway.sending.inbox_reader import reader_of_visitor_row
from gateway.sending.inbox_shelf import Shelf
from gateway.store.database import Database, Queryable, Record
from tests.store.rows import make_app

_NOW = datetime.now(UTC)
_VISITOR = Visitor(
    id=5, secret_hash=b"", person=None, locale=None, timezone=None, country=None, region=None, city=None, platform=0,
    created_at=_NOW, seen_at=_NOW,
)  # fmt: skip


class _Overheard:
    """Asks the database, and counts how often it is asked for messages."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.asked = 0

    async def fetch(self, sql: LiteralString, *args: Any) -> list[Record]:
        """All rows."""
        self.asked += "FROM messages" in sql
        return await self._db.fetch(sql, *args)


async def test_a_crowd_after_a_push_asks_once(db: Database):
    """Thousands of pages open in the same second: the database hears of the first one only."""
    app = await make_app(db)
    reader = await reader_of_visitor_row(db, app, _VISITOR, channel="stub")
    overheard = _Overheard(db)
    shelf = Shelf(cast("Queryable", overheard))

    await asyncio.gather(*(shelf.candidates(app, reader, now=_NOW) for _ in range(20)))

    assert overheard.asked == 1


async def test_who_gives_up_takes_the_answer_from_nobody(db: Database):
    """The first one to ask closes the page: the others get what it asked for."""
    app = await make_app(db)
    reader = await reader_of_visitor_row(db, app, _VISITOR, channel="stub")
    shelf = Shelf(db)
    first, second = (asyncio.create_task(shelf.candidates(app, reader, now=_NOW)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == []
