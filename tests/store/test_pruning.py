"""What has had its day goes; what has not stays."""

import pytest

from gateway.model.app import App
from gateway.model.ids import bucket_of_message
from gateway.model.message import MessageState
from gateway.store import chunks, messages, pruning, subscriptions
from gateway.store.database import Database
from tests.store.rows import add_message, drawn_ids, enrol, make_app, work

IDS = drawn_ids(4)


async def finished(db: Database, app: App, *, days_ago: int) -> int:
    """A message that was closed so long ago, with a chunk and the counts of its receipts."""
    message_id = await add_message(db, app)
    await chunks.insert(db, [work(app, message_id, IDS)])
    await messages.finish(
        db, app_id=app.id, message_id=message_id, tally={"stub.0.10": 4}, only_from=[MessageState.SENDING]
    )
    await db.execute(
        "UPDATE messages SET finished_at = now() - $2 * interval '1 day' WHERE id = $1", message_id, days_ago
    )
    await db.execute(
        "INSERT INTO receipt_counts (app_id, bucket, msg_id, kind, n) VALUES ($1, $2, $3, 0, 4)",
        app.id,
        app.home,
        message_id,
    )
    return message_id


async def prune_all(db: Database) -> None:
    """Until there is nothing more to do."""
    for _ in range(10):
        if not await pruning.prune(db):
            return
    pytest.fail("there is always something to prune")


async def left(db: Database, table: str) -> set[int]:
    match table:
        case "messages":
            rows = await db.fetch("SELECT id AS one FROM messages")
        case "chunks":
            rows = await db.fetch("SELECT DISTINCT msg_id AS one FROM chunks")
        case _:
            rows = await db.fetch("SELECT DISTINCT msg_id AS one FROM receipt_counts")
    return {row["one"] for row in rows}


async def test_a_message_is_kept_for_ninety_days_and_its_chunks_for_a_week(db: Database):
    """Figures stay, the work that made them goes early; after the history's end all of it is gone."""
    app = await make_app(db)
    new, old, ancient = [await finished(db, app, days_ago=days) for days in (6, 8, 91)]
    running = await add_message(db, app)
    await chunks.insert(db, [work(app, running, IDS)])
    await db.execute("UPDATE messages SET created_at = now() - interval '200 days' WHERE id = $1", running)

    await prune_all(db)

    assert await left(db, "messages") == {new, old, running}
    assert await left(db, "chunks") == {new, running}
    assert await left(db, "receipt_counts") == {new, old}
    assert ancient not in await left(db, "messages")


async def test_a_message_that_failed_goes_as_well(db: Database):
    """Its app was deleted before it was planned; nobody will ever ask for it."""
    app = await make_app(db)
    failed = await add_message(db, app, state=MessageState.PLANNING)
    await messages.move(db, app_id=app.id, message_id=failed, to=MessageState.FAILED, only_from=[MessageState.PLANNING])
    await prune_all(db)
    assert await left(db, "messages") == {failed}

    await db.execute("UPDATE messages SET finished_at = now() - interval '91 days'")
    await prune_all(db)

    assert await left(db, "messages") == set()


async def test_a_device_that_ended_goes_after_a_month_with_its_address(db: Database):
    """Long enough to notice that a push service was wrong about many; its endpoint is nobody's then."""
    app = await make_app(db)
    await enrol(db, app, IDS[:1])
    await enrol(db, app, IDS[1:3], state=1)
    await enrol(db, app, IDS[3:], state=2)
    for number in IDS:
        assert await subscriptions.take_address(db, app, number.to_bytes(8, "big"), number)
    await db.execute("UPDATE subscriptions SET ended_at = now() - interval '31 days' WHERE id = ANY($1)", IDS[2:])
    await db.execute("UPDATE subscriptions SET ended_at = now() - interval '29 days' WHERE id = $1", IDS[1])

    await prune_all(db)

    assert [one.id for one in await subscriptions.get_many(db, app, IDS)] == IDS[:2]
    owners = await db.fetch("SELECT subscription_id FROM addresses ORDER BY 1")
    assert [row["subscription_id"] for row in owners] == IDS[:2]


async def test_an_idempotency_key_goes_when_it_has_expired(db: Database):
    """Not before: a repetition must find its answer for seven days."""
    await db.execute(
        """
        INSERT INTO idempotency (app_id, bucket, key, request_hash, expires_at)
        VALUES (1, 1, 'old', '', now() - interval '1 second'), (1, 1, 'new', '', now() + interval '1 second')
        """
    )

    await prune_all(db)

    assert await db.fetch("SELECT key FROM idempotency") == [("new",)]


async def test_pruning_goes_in_small_steps(db: Database):
    """No statement holds much for long; the loop comes back for the rest."""
    await db.execute(
        """
        INSERT INTO idempotency (app_id, bucket, key, request_hash, expires_at)
        SELECT 1, 1, n::text, '', now() - interval '1 day' FROM generate_series(1, 5500) AS n
        """
    )

    assert await pruning.prune(db) == 5000
    assert await pruning.prune(db) == 500
    assert await pruning.prune(db) == 0


async def test_messages_of_the_same_number_in_another_app_stay(db: Database):
    """Ids are random, but nothing relies on that."""
    app, other = await make_app(db), await make_app(db)
    message_id = await finished(db, app, days_ago=91)
    await db.execute(
        "INSERT INTO receipt_counts (app_id, bucket, msg_id, kind, n) VALUES ($1, $2, $3, 0, 1)",
        other.id,
        bucket_of_message(message_id),
        message_id,
    )

    await prune_all(db)

    assert await db.fetch("SELECT app_id FROM receipt_counts") == [(other.id,)]
