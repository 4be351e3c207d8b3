"""What has had its day goes; what has not stays; and the looking costs nobody anything."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, LiteralString

import pytest
import pytest_asyncio

from gateway.model.app import App
from gateway.model.ids import bucket_of_message
from gateway.model.limits import OPT_IN_KEPT_DAYS
from gateway.model.message import MessageState
from gateway.store import apps, chunks, messages, persons, pruning, subscriptions
from gateway.store.database import Database
from tests.store.plans import plans, whole_tables
from tests.store.rows import add_message, address_hash_of, drawn_ids, enrol, make_app, work

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
        assert await subscriptions.take_address(db, app, address_hash_of(number), number)
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
    """No statement holds much for long; a round has an end, and the next one comes back for the rest."""
    await db.execute(
        """
        INSERT INTO idempotency (app_id, bucket, key, request_hash, expires_at)
        SELECT 1, 1, n::text, '', now() - interval '1 day' FROM generate_series(1, 5500) AS n
        """
    )

    assert await pruning.prune(db, steps_max=1) == 1000
    assert await pruning.prune(db, steps_max=3) == 3000
    assert await pruning.prune(db) == 1500
    assert await pruning.prune(db) == 0


async def test_a_message_with_more_chunks_than_a_step_takes_loses_all_of_them(db: Database):
    """A big campaign has thousands; it is seen to again until none is left."""
    app = await make_app(db, spread=4)
    message_id = await finished(db, app, days_ago=8)
    await db.execute(
        """
        INSERT INTO chunks (app_id, bucket, msg_id, lo, hi, cursor, state)
        SELECT $1, b, $2, n, n, n, 2 FROM unnest($3::smallint[]) AS b, generate_series(1, 600) AS n
        """,
        app.id,
        message_id,
        app.buckets,
    )

    await pruning.prune(db, steps_max=1)
    assert await left(db, "chunks") == {message_id}
    await prune_all(db)
    assert await left(db, "chunks") == set()
    assert await left(db, "messages") == {message_id}


async def test_a_message_whose_chunks_are_gone_is_not_looked_at_again(db: Database):
    """A round over months of history costs nothing."""
    app = await make_app(db)
    await finished(db, app, days_ago=8)
    await prune_all(db)
    assert await pruning.prune(db, steps_max=1) == 0


async def test_people_lose_devices_that_are_no_more(db: Database):
    """Who had ten browsers in ten years is not asked for nine of them at each message."""
    app = await make_app(db, spread=4)
    await enrol(db, app, IDS)
    for number in IDS:
        await persons.attach(db, app, "cust-1", number)
    await persons.attach(db, app, "cust-2", IDS[3])
    await db.execute(
        "UPDATE subscriptions SET state = 1, ended_at = now() - interval '31 days' WHERE id = ANY($1)", IDS[1:3]
    )

    await prune_all(db)

    held = await persons.subscriptions_of(db, app, ["cust-1", "cust-2"])
    assert held == {"cust-1": IDS[:1], "cust-2": IDS[3:]}


async def test_a_device_that_somebody_changes_is_passed_over(db: Database):
    """It may be coming back at this moment: pruning does not wait for it, and does not take it away."""
    app = await make_app(db)
    await enrol(db, app, IDS[:2], state=1)
    await db.execute("UPDATE subscriptions SET ended_at = now() - interval '31 days'")

    async with db.transaction() as tx:
        assert await subscriptions.revive(tx, app, IDS[0])
        await prune_all(db)

    assert [one.id for one in await subscriptions.get_many(db, app, IDS)] == IDS[:1]


async def _owned(db: Database) -> dict[str, int]:
    """Rows of all apps, by table."""
    counted: dict[str, LiteralString] = {
        "subscriptions": "SELECT count(*) FROM subscriptions",
        "addresses": "SELECT count(*) FROM addresses",
        "persons": "SELECT count(*) FROM persons",
        "person_events": "SELECT count(*) FROM person_events",
        "device_events": "SELECT count(*) FROM device_events",
        "erasures": "SELECT count(*) FROM erasures",
        "messages": "SELECT count(*) FROM messages",
        "chunks": "SELECT count(*) FROM chunks",
        "receipt_counts": "SELECT count(*) FROM receipt_counts",
        "idempotency": "SELECT count(*) FROM idempotency",
        "topics": "SELECT count(*) FROM topics",
        "credentials": "SELECT count(*) FROM credentials",
        "secrets": "SELECT count(*) FROM secrets",
        "api_keys": "SELECT count(*) FROM api_keys",
        "lanes": "SELECT count(*) FROM lanes",
        "segments": "SELECT count(*) FROM segments",
        "coupon_pools": "SELECT count(*) FROM coupon_pools",
        "coupon_codes": "SELECT count(*) FROM coupon_codes",
        "coupon_given": "SELECT count(*) FROM coupon_given",
        "coupon_uses": "SELECT count(*) FROM coupon_uses",
        "experiments": "SELECT count(*) FROM experiments",
        "prompts": "SELECT count(*) FROM prompts",
        "opt_ins": "SELECT count(*) FROM opt_ins",
        "lists": "SELECT count(*) FROM lists",
        "list_remains": "SELECT count(*) FROM list_remains",
    }
    return {table: await db.fetchval(statement) for table, statement in counted.items()}


async def _furnish(db: Database, app: App) -> None:
    """A row of the app in every table, in more than one bucket where there are buckets."""
    await enrol(db, app, IDS)
    for number in IDS:
        await subscriptions.take_address(db, app, address_hash_of(number), number)
    await persons.attach(db, app, "cust-1", IDS[0])
    await finished(db, app, days_ago=0)
    for statement in _SMALL_TABLES:
        await db.execute(statement, app.id)


_SMALL_TABLES: Final[tuple[LiteralString, ...]] = (
    "INSERT INTO topics (app_id, id, slug, name) VALUES ($1, 1, 'sale', 'Sale')",
    "INSERT INTO credentials (app_id, id, public_id, provider, sealed) VALUES ($1, 1, $1::int, 'stub', '')",
    "INSERT INTO secrets (app_id, kind, id, sealed) VALUES ($1, 'receipt', 1, '')",
    "INSERT INTO api_keys (app_id, id, name, scopes, hash) VALUES ($1, $1::int, 'server', '{}', '')",
    "INSERT INTO lanes (app_id, credential_id, origin, state, reason, until) VALUES ($1, 1, '', 1, 'x', now())",
    "INSERT INTO segments (app_id, slug, name, audience) VALUES ($1, 's', 's', '{}')",
    "INSERT INTO lists (app_id, slug, name, number) VALUES ($1, 'l', 'l', 1)",
    "INSERT INTO list_remains (app_id, number, clear_after) VALUES ($1, 2, now() + interval '1 day')",
    """
    INSERT INTO person_events (app_id, bucket, day, person, id, name, at)
    VALUES ($1, 7, current_date - 50, 'cust-1', 'e', 'viewed', now())
    """,
    "INSERT INTO device_events (app_id, bucket, sub_id, id, name, at) VALUES ($1, 7, 5, 'e', 'viewed', now())",
    "INSERT INTO erasures (app_id, bucket, id, names, subs) VALUES ($1, 7, 1, '{cust-2}', '{}')",
    """
    INSERT INTO idempotency (app_id, bucket, key, request_hash, expires_at)
    VALUES ($1, 7, 'k', '', now() + interval '1 day')
    """,
    "INSERT INTO coupon_pools (app_id, id, slug, name) VALUES ($1, 1, 'p', 'p')",
    "INSERT INTO coupon_codes (app_id, bucket, pool_id, code) VALUES ($1, 7, 1, 'A'), ($1, 263, 1, 'B')",
    """
    INSERT INTO coupon_given (app_id, bucket, msg_id, owner, pool_id, code, code_bucket, sub_id)
    VALUES ($1, 7, 1, 'u:a', 1, 'A', 7, 1)
    """,
    "INSERT INTO coupon_uses (app_id, bucket, msg_id, pool_id) VALUES ($1, 7, 1, 1)",
    "INSERT INTO experiments (app_id, bucket, msg_id, expires_at) VALUES ($1, 7, 1, now())",
    "INSERT INTO prompts (app_id, slug, definition, is_active, priority) VALUES ($1, 'p', '{}', true, 0)",
    """
    INSERT INTO opt_ins (app_id, bucket, day, prompt, began_at, variant, page, browser)
    VALUES ($1, 7, current_date, 'p', now(), '', '/', 'other')
    """,
)


async def test_what_visitors_answered_is_kept_for_a_year_and_a_month(db: Database):
    """Day by day, so that this month can be held against last year's."""
    app = await make_app(db)
    for days_ago in (0, OPT_IN_KEPT_DAYS, OPT_IN_KEPT_DAYS + 1):
        await db.execute(
            """
            INSERT INTO opt_ins (app_id, bucket, day, prompt, began_at, variant, page, browser)
            VALUES ($1, 7, (now() AT TIME ZONE 'UTC')::date - $2::int, 'p', now(), '', '/', 'other')
            """,
            app.id,
            days_ago,
        )
    await pruning.prune(db)
    ages = await db.fetch(
        "SELECT (now() AT TIME ZONE 'UTC')::date - day AS age FROM opt_ins WHERE app_id = $1 ORDER BY day DESC", app.id
    )
    assert [row["age"] for row in ages] == [0, OPT_IN_KEPT_DAYS]


async def test_a_deleted_app_leaves_nothing_but_its_name_in_the_log(db: Database):
    """Its devices, people, topics and keys go; those of the app beside it stay, and so does its number."""
    kept, deleted = await make_app(db, spread=4), await make_app(db, spread=4)
    await _furnish(db, kept)
    before = await _owned(db)
    await _furnish(db, deleted)
    assert min(before.values()) > 0
    assert await apps.mark_deleted(db, deleted.id)

    await prune_all(db)
    assert await _owned(db) != before, "a process may still know the app for a moment"

    await db.execute("UPDATE apps SET deleted_at = now() - interval '11 minutes' WHERE id = $1", deleted.id)
    await prune_all(db)

    assert await _owned(db) == before
    assert await pruning.prune(db) == 0
    assert (await make_app(db)).id > deleted.id


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


ROWS: Final = 60_000
"""Of each table, a tenth of them past its day: more than a step takes, and a size at which Postgres has a choice."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def aged(new_database: Callable[[str], Awaitable[str]], migrated_template: str) -> AsyncIterator[Database]:
    """An app in four buckets that has been in use for months, and one that was deleted."""
    pool = await Database.open(await new_database(migrated_template), name="steeple-aged")
    app, deleted = await make_app(pool, spread=4), await make_app(pool, spread=4)
    for one, rows in ((app, ROWS), (deleted, ROWS // 10)):
        for statement in _AGED:
            await pool.execute(statement, one.id, one.buckets, rows)
    await pool.execute("UPDATE apps SET deleted_at = now() - interval '1 day' WHERE id = $1", deleted.id)
    await pool.execute("ANALYZE")
    yield pool
    await pool.close()


_AGED: Final[tuple[LiteralString, ...]] = (
    """
    INSERT INTO subscriptions (app_id, bucket, id, provider, credential_id, wire, address_hash, person, state, ended_at)
    SELECT $1, $2[1 + n % 4], n, 'stub', 1, repeat('x', 200)::bytea, int8send(n), 'cust-' || n,
           CASE n % 10 WHEN 0 THEN 1 ELSE 0 END, CASE n % 10 WHEN 0 THEN now() - interval '40 days' END
      FROM generate_series(1, $3::bigint) AS n, (SELECT $2::smallint[]) AS unused
    """,
    """
    INSERT INTO addresses (app_id, bucket, hash, subscription_id)
    SELECT $1, $2[1 + n % 4], int8send(n), n FROM generate_series(1, $3::bigint) AS n, (SELECT $2::smallint[]) AS unused
    """,
    """
    INSERT INTO persons (app_id, bucket, person, subs)
    SELECT $1, $2[1 + n % 4], 'cust-' || n, ARRAY[n] FROM generate_series(1, $3::bigint) AS n,
           (SELECT $2::smallint[]) AS unused
    """,
    """
    INSERT INTO messages (app_id, bucket, id, kind, state, content, audience, expires_at, tally, is_swept, finished_at)
    SELECT $1, n & 1023, n, 2, 4, '{}', '{}', now(), '{}', n % 10 <> 0,
           now() - (CASE n % 20 WHEN 0 THEN 10 WHEN 1 THEN 95 ELSE 60 END) * interval '1 day'
      FROM generate_series(1, $3::bigint) AS n, (SELECT $2::smallint[]) AS unused
    """,
    """
    INSERT INTO chunks (app_id, bucket, msg_id, lo, hi, cursor, state)
    SELECT $1, $2[1 + n % 4], n, n, n, n, 2 FROM generate_series(1, $3::bigint) AS n,
           (SELECT $2::smallint[]) AS unused
    """,
    """
    INSERT INTO receipt_counts (app_id, bucket, msg_id, kind, n)
    SELECT $1, $2[1 + n % 4], n, 0, 1 FROM generate_series(1, $3::bigint) AS n, (SELECT $2::smallint[]) AS unused
    """,
    """
    INSERT INTO idempotency (app_id, bucket, key, request_hash, expires_at)
    SELECT $1, $2[1 + n % 4], 'k' || n, '', now() + (n % 10 - 0.5) * interval '1 day'
      FROM generate_series(1, $3::bigint) AS n, (SELECT $2::smallint[]) AS unused
    """,
)


async def test_pruning_finds_what_has_had_its_day_by_index(aged: Database):
    """It runs every minute beside the sending; it must not read what it does not delete."""
    found = await plans(aged, lambda recording: pruning.prune(recording, steps_max=1))

    assert [plan for plan in found if whole_tables(plan)] == []
    text = "\n".join(found)
    for index in ("subscriptions_ended", "messages_finished", "idempotency_expired", "chunks_pkey", "addresses_pkey"):
        assert re.search(rf"\b{index}\b", text), text


async def test_emptying_a_deleted_app_reads_only_what_it_deletes(aged: Database):
    """Step by step through all of its tables."""
    found = await plans(aged, lambda recording: pruning.prune(recording, steps_max=500))

    assert [plan for plan in found if whole_tables(plan)] == []
    for table in ("subscriptions", "addresses", "persons", "messages", "chunks", "receipt_counts", "idempotency"):
        assert any(f"Delete on {table}" in plan for plan in found)
