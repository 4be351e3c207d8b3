"""What readers of the inbox have read: one row each, of bounded size."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from gateway.model.app import App
from gateway.model.ids import bucket_of_text
from gateway.model.inbox import Marks
from gateway.model.limits import INBOX_DAYS, PRUNE_ROWS
from gateway.store.database import Queryable, Record, affected

_DAYS_KEPT: Final = INBOX_DAYS + 1
"""Everything that an older row tells of is out of the inbox."""


def _bucket_of(app: App, reader: str) -> int:
    return bucket_of_text(reader.encode(), home=app.home, spread=app.spread)


def _marks(row: Record) -> Marks:
    return Marks(read_before=row["read_before"], read=tuple(row["read"]))


async def of_readers(db: Queryable, app: App, readers: Sequence[str]) -> list[Marks]:
    """What these have read; who has read nothing is left out."""
    rows = await db.fetch(
        """
        SELECT read_before, read FROM inbox_marks
        WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND reader = ANY($3::text[]) ORDER BY reader
        """,
        app.id,
        list({_bucket_of(app, one) for one in readers}),
        list(readers),
    )
    return [_marks(row) for row in rows]


async def lock(db: Queryable, app: App, reader: str) -> Marks:
    """What a reader has read, held until the transaction ends; the row is made where there is none.

    One statement: between two the row could be pruned, and what is then written would be lost.
    """
    row = await db.fetchrow(
        """
        INSERT INTO inbox_marks AS held (app_id, bucket, reader) VALUES ($1, $2, $3)
        ON CONFLICT (app_id, bucket, reader) DO UPDATE SET reader = held.reader
        RETURNING read_before, read
        """,
        app.id,
        _bucket_of(app, reader),
        reader,
    )
    assert row is not None, "an upsert answers its row"
    return _marks(row)


async def write(db: Queryable, app: App, reader: str, marks: Marks, *, at: datetime) -> None:
    """Replaces what a reader has read; the row is there."""
    await db.execute(
        """
        UPDATE inbox_marks SET read_before = $4, read = $5::bigint[], changed_at = $6
        WHERE app_id = $1 AND bucket = $2 AND reader = $3
        """,
        app.id,
        _bucket_of(app, reader),
        reader,
        marks.read_before,
        list(marks.read),
        at,
    )


async def delete_of(db: Queryable, app: App, readers: Sequence[str]) -> int:
    """Forgets what these have read; how many rows that were."""
    tag = await db.execute(
        "DELETE FROM inbox_marks WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND reader = ANY($3::text[])",
        app.id,
        list({_bucket_of(app, one) for one in readers}),
        list(readers),
    )
    return affected(tag)


async def prune(db: Queryable) -> int:
    """One step of forgetting marks that tell of nothing any more (index inbox_marks_old); how many went."""
    tag = await db.execute(
        """
        DELETE FROM inbox_marks WHERE (app_id, bucket, reader) IN
            (SELECT app_id, bucket, reader FROM inbox_marks
              WHERE changed_at < now() - $1 * interval '1 day' ORDER BY changed_at LIMIT $2)
           AND changed_at < now() - $1 * interval '1 day'
        """,
        _DAYS_KEPT,
        PRUNE_ROWS,
    )
    return affected(tag)
