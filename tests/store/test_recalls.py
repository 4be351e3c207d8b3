"""Who is told that a message was taken back: everybody who was sent it, written down in steps of bounded size."""

from typing import Any, LiteralString, cast

from gateway.model.delivery import Code
from gateway.model.ids import buckets_of_app
from gateway.model.limits import BUCKETS, RECALL_BUCKETS_AT_ONCE
from gateway.store import recalls
from gateway.store.database import Database, Queryable, Record
from tests.store.rows import TODAY, make_app

_FIRST, _RECALL = 4711 << 10, 4712 << 10


class _Overheard:
    """Asks the database, and remembers how many buckets each statement was for."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.sizes: list[int] = []

    async def fetch(self, sql: LiteralString, *args: Any) -> list[Record]:
        """All rows."""
        self.sizes.append(len(args[1]))
        return await self._db.fetch(sql, *args)


async def test_a_recall_of_the_largest_app_is_planned_in_small_steps(db: Database):
    """One statement over ten million people would end at its time limit, each time that it is tried."""
    app = await make_app(db, spread=BUCKETS)
    await db.execute(
        """
        INSERT INTO outcomes (app_id, bucket, day, msg_id, lo, hi, at, ids, codes)
        SELECT $1, bucket, $2, $3, bucket * 10, bucket * 10 + 2, now(), ARRAY[bucket * 10, bucket * 10 + 2], $4
          FROM generate_series(0, 1023) AS bucket
        """,
        app.id,
        TODAY,
        _FIRST,
        bytes([Code.SENT, Code.FAILED_REJECTED]),
    )
    overheard = _Overheard(db)

    written = await recalls.insert_lists(
        cast("Queryable", overheard),
        app_id=app.id,
        buckets=buckets_of_app(home=app.home, spread=app.spread),
        message_id=_RECALL,
        of=_FIRST,
        day=TODAY,
    )

    found = await db.fetch("SELECT bucket, ids FROM chunks WHERE app_id = $1 AND msg_id = $2", app.id, _RECALL)
    assert written == BUCKETS
    assert {row["bucket"]: row["ids"] for row in found} == {bucket: [bucket * 10] for bucket in range(BUCKETS)}
    assert max(overheard.sizes) <= RECALL_BUCKETS_AT_ONCE
