"""Whose chunks a worker takes, on a real store."""

from gateway.delivery.reaper import Reaper
from gateway.delivery.stored import StoredWork
from gateway.model.limits import CLAIM_CANDIDATES_MAX
from gateway.store import chunks
from gateway.store.database import Database
from tests.delivery.world import KeysOf
from tests.store.rows import add_message, claim_one, drawn_ids, expire_leases, make_app, work

WAITING = 3 * CLAIM_CANDIDATES_MAX


async def test_what_is_due_is_found_behind_a_thousand_that_wait(db: Database):
    """An app's lane stands, and all of its messages wait for their time: the next app's campaign goes on."""
    app = await make_app(db)
    await db.execute(
        "INSERT INTO chunks (app_id, bucket, msg_id, lo, hi, cursor, due_at)"
        " SELECT $1, 7, n, n, n, n, now() + interval '1 hour' FROM generate_series(1, $2::int) AS n",
        app.id,
        WAITING,
    )
    other = await make_app(db)
    message = await add_message(db, other)
    await chunks.insert(db, [work(other, message, [5])])
    stored = StoredWork(db, KeysOf(other), owner=3, lease_s=60)

    for _ in range(3):
        (found,) = await stored.claim(4)
        assert found.key.message_id == message
        await stored.release(found)


async def test_the_preferred_range_comes_first_and_the_rest_after_it(db: Database):
    """What was made ahead is used; when it is used up, the worker helps with the others."""
    app = await make_app(db)
    message = await add_message(db, app)
    lows = sorted(drawn_ids(6))
    await chunks.insert(db, [work(app, message, [lo]) for lo in lows])
    stored = StoredWork(db, KeysOf(app), owner=3, lease_s=60)
    stored.prefer(app.id, message, (lows[3], lows[4]))

    first = await stored.claim(4)
    rest = await stored.claim(4)

    assert {chunk.key.lo for chunk in first} == set(lows[3:5])
    assert {chunk.key.lo for chunk in rest} == {*lows[:3], lows[5]}


async def test_the_living_have_time_to_renew_their_leases(db: Database):
    """A loops process that starts does not know since when the database is back."""
    app = await make_app(db)
    await claim_one(db, work(app, await add_message(db, app), [5]))
    await expire_leases(db)
    now_s = 0.0
    reaper = Reaper(db, lease_s=60, clock=lambda: now_s)

    await reaper.run()
    assert await db.fetchval("SELECT state FROM chunks") == 1
    now_s = 16.0
    await reaper.run()
    assert await db.fetchval("SELECT state FROM chunks") == 0
