"""What comes back to life in the very moment in which it is pruned stays."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, Final, LiteralString

import msgspec
import pytest

from gateway.model.app import App
from gateway.model.inbox import Marks
from gateway.store import consents, idempotency, inbox_marks, pruning, visitors
from gateway.store.database import Connection, Database, Queryable
from gateway.store.idempotency import Slot
from gateway.store.subscriptions import bucket_of
from tests.store.rows import make_app
from tests.store.waiting import wait_for_a_lock

NOW = datetime.now(UTC)
READER = "u:cust-17"


async def _reads(tx: Connection, app: App) -> None:
    await inbox_marks.write(tx, app, READER, (await inbox_marks.lock(tx, app, READER)).with_read((7,)), at=NOW)


async def _visits(tx: Connection, app: App) -> None:
    await visitors.see(tx, app, 7, locale=None, at=NOW)


async def _orders(tx: Connection, app: App) -> None:
    assert await idempotency.reserve(tx, Slot(app_id=app.id, bucket=7, key="k"), request_hash=b"x")


async def _leaves(tx: Connection, app: App) -> None:
    await consents.withdraw(tx, app, [b"hash"])


async def _appears(tx: Connection, app: App) -> None:
    await tx.execute(
        "INSERT INTO visitors (app_id, bucket, id, secret_hash) VALUES ($1, $2, 7, '')", app.id, bucket_of(app, 7)
    )


class Row(msgspec.Struct, frozen=True):
    """How a row comes into being, grows old and is used again; who prunes it, and how many there are."""

    begins: Callable[[Connection, App], Awaitable[None]]
    ages: LiteralString
    comes_back: Callable[[Connection, App], Awaitable[None]]
    prune: Callable[[Queryable], Coroutine[Any, Any, int]]
    left: LiteralString


ROWS: Final = {
    "marks of the inbox": Row(
        _reads,
        "UPDATE inbox_marks SET changed_at = now() - interval '900 days', read = '{}'",
        _reads,
        inbox_marks.prune,
        "SELECT count(*) FROM inbox_marks WHERE read = '{7}'",
    ),
    "a visitor": Row(
        _appears,
        "UPDATE visitors SET seen_at = now() - interval '900 days'",
        _visits,
        visitors.prune,
        "SELECT count(*) FROM visitors",
    ),
    "the key of an order": Row(
        _orders,
        "UPDATE idempotency SET expires_at = now() - interval '1 day'",
        _orders,
        pruning._idempotency,
        "SELECT count(*) FROM idempotency",
    ),
    "who left": Row(
        _leaves,
        "UPDATE withdrawals SET at = now() - interval '9000 days'",
        _leaves,
        pruning._withdrawals,
        "SELECT count(*) FROM withdrawals",
    ),
}


@pytest.mark.parametrize("name", ROWS)
async def test_what_is_used_again_while_it_is_pruned_stays(db: Database, name: str):
    """Nobody loses what they read, their place as a visitor, the key of an order, or their having left."""
    row = ROWS[name]
    app = await make_app(db)
    await db.execute("DELETE FROM withdrawals")
    async with db.transaction() as tx:
        await row.begins(tx, app)
    await db.execute(row.ages)
    async with db.transaction() as tx:
        await row.comes_back(tx, app)
        pruning_it = asyncio.create_task(row.prune(db))
        await wait_for_a_lock(db)
    assert await pruning_it == 0
    assert await db.fetchval(row.left) == 1


async def test_who_reads_while_their_marks_are_pruned_has_read(db: Database):
    """The row that is about to go is made anew, and what is written then is not lost."""
    app = await make_app(db)

    async def read() -> Marks:
        async with db.transaction() as tx:
            await _reads(tx, app)
            return (await inbox_marks.of_readers(tx, app, [READER]))[0]

    await read()
    await db.execute("UPDATE inbox_marks SET changed_at = now() - interval '900 days', read = '{5}'")
    reading: asyncio.Task[Any]
    async with db.transaction() as tx:
        assert await inbox_marks.prune(tx) == 1
        reading = asyncio.create_task(read())
        await wait_for_a_lock(db)
    assert (await reading).read == (7,)
    assert (await inbox_marks.of_readers(db, app, [READER]))[0].read == (7,)
