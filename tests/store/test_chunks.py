"""Chunks under leases: each is one worker's at a time, and none is lost with its worker."""

import asyncio

import msgspec
import pytest

from gateway.model.delivery import Code
from gateway.model.work import ChunkState, Hold
from gateway.store import chunks
from gateway.store.chunks import LeaseLost
from gateway.store.database import Database
from tests.store.rows import (
    add_message,
    claim,
    claim_one,
    drawn_ids,
    everything,
    expire_leases,
    make_app,
    settled,
    work,
)


async def states(db: Database) -> dict[int, int]:
    """The state of each chunk by where it begins."""
    return {row["lo"]: row["state"] for row in await db.fetch("SELECT lo, state FROM chunks")}


async def test_what_is_longest_due_is_claimed_first(db: Database):
    """A campaign of this minute does not overtake one of an hour ago."""
    app = await make_app(db)
    message = await add_message(db, app)
    delays_s = {10: -5, 20: -3600, 30: -60, 40: -1}
    await chunks.insert(db, [work(app, message, [lo], delay_s=delay_s) for lo, delay_s in delays_s.items()])

    async with db.transaction() as tx:
        # By the index alone they would come in this order by chance.
        await tx.execute("SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off")
        first = await claim(tx, owner=1, limit=2, lease_s=60)
        second = await claim(tx, owner=1, limit=1, lease_s=60)

    assert {chunk.key.lo for chunk in first} == {20, 30}
    assert {chunk.key.lo for chunk in second} == {10}


async def test_work_of_the_future_or_on_hold_is_not_claimed(db: Database):
    """A retry waits for its time, and a paused or cancelled message for its word."""
    app = await make_app(db)
    message = await add_message(db, app)
    await chunks.insert(db, [work(app, message, [10], delay_s=30)])
    for hold in (Hold.PAUSED, Hold.CANCELLED):
        held = await add_message(db, app)
        await chunks.insert(db, [work(app, held, [20])])
        await chunks.hold(db, app_id=app.id, buckets=app.buckets, message_id=held, to=hold)

    assert await claim(db, owner=1, limit=10, lease_s=60) == []


async def test_a_claimed_chunk_comes_with_all_that_sending_it_needs(db: Database):
    """What was planned is what the worker gets, and the claim is counted."""
    app = await make_app(db)
    message = await add_message(db, app)
    new = work(app, message, [3, 5, 8])

    chunk = await claim_one(db, new)

    assert (chunk.key, chunk.hi, chunk.cursor, chunk.ids) == (new.key, 8, 2, [3, 5, 8])
    assert (chunk.claim_no, chunk.strikes, chunk.expected, chunk.seen, chunk.tally) == (1, 0, 3, 0, {})


async def test_two_claimers_never_share(db: Database):
    """While one is still taking its chunks, the other takes others and waits for nothing."""
    app = await make_app(db)
    message = await add_message(db, app)
    await chunks.insert(db, [work(app, message, [lo]) for lo in range(1, 7)])

    async with db.transaction() as tx:
        mine = await claim(tx, owner=1, limit=4, lease_s=60)
        async with asyncio.timeout(2):
            theirs = await claim(db, owner=2, limit=4, lease_s=60)

    assert len(mine) == 4
    assert len(theirs) == 2
    assert not {chunk.key for chunk in mine} & {chunk.key for chunk in theirs}


async def test_many_claimers_at_once_take_each_chunk_once(db: Database):
    """Twelve workers after a restart."""
    app = await make_app(db, spread=16)
    message = await add_message(db, app)
    await chunks.insert(db, [work(app, message, [number]) for number in drawn_ids(200)])

    claims = await asyncio.gather(*(claim(db, owner=owner, limit=20, lease_s=60) for owner in range(12)))

    taken = [chunk.key for claimed in claims for chunk in claimed]
    assert len(taken) == len(set(taken)) == 200


async def test_a_claim_is_bounded(db: Database):
    """However many a caller asks for: a crash repeats what was claimed."""
    app = await make_app(db)
    message = await add_message(db, app)
    await chunks.insert(db, [work(app, message, [lo]) for lo in range(1, 101)])

    assert len(await claim(db, owner=1, limit=1000, lease_s=60)) == chunks.CLAIM_MAX == 64


async def test_planning_again_adds_nothing(db: Database):
    """A second planner finds its chunks there already, one of them claimed, and changes none."""
    app = await make_app(db)
    message = await add_message(db, app)
    planned = [work(app, message, [1, 2]), work(app, message, [3])]
    await chunks.insert(db, planned)
    await claim(db, owner=1, limit=1, lease_s=60)
    before = await everything(db)

    await chunks.insert(db, planned)

    assert await everything(db) == before


async def test_work_of_a_silent_worker_is_freed(db: Database):
    """When its lease is over, and not before; it is due at once."""
    app = await make_app(db)
    message = await add_message(db, app)
    chunk = await claim_one(db, work(app, message, [1]))

    assert await chunks.release_expired(db) == 0
    await expire_leases(db)
    assert await chunks.release_expired(db) == 1

    (again,) = await claim(db, owner=2, limit=10, lease_s=60)
    assert (again.key, again.claim_no) == (chunk.key, 2)


async def test_what_a_dead_process_held_is_freed_and_nothing_else(db: Database):
    """A supervisor that saw a worker die does not wait for its leases."""
    app = await make_app(db)
    message = await add_message(db, app)
    await chunks.insert(db, [work(app, message, [lo]) for lo in (1, 2, 3)])
    dead = await claim(db, owner=7, limit=2, lease_s=60)
    alive = await claim(db, owner=8, limit=1, lease_s=60)

    assert await chunks.release_owned(db, owner=7) == 2

    found = await states(db)
    assert {found[chunk.key.lo] for chunk in dead} == {ChunkState.DUE}
    assert {found[chunk.key.lo] for chunk in alive} == {ChunkState.CLAIMED}


async def test_a_living_worker_keeps_its_leases(db: Database):
    """A group at a slow push service takes longer than a lease."""
    app = await make_app(db)
    message = await add_message(db, app)
    chunk = await claim_one(db, work(app, message, [1]))
    await expire_leases(db)

    await chunks.renew(db, [msgspec.structs.replace(chunk, claim_no=chunk.claim_no + 1)], lease_s=60)
    assert await db.fetchval("SELECT lease_until < now() FROM chunks")
    await chunks.renew(db, [chunk], lease_s=60)

    assert await chunks.release_expired(db) == 0


async def test_who_lost_a_chunk_can_neither_release_nor_abandon_it(db: Database):
    """The fence decides: an old claim changes nothing, however late it speaks."""
    app = await make_app(db)
    message = await add_message(db, app)
    old = await claim_one(db, work(app, message, [1]))
    await expire_leases(db)
    await chunks.release_expired(db)
    (new,) = await claim(db, owner=2, limit=1, lease_s=60)
    before = await everything(db)

    await chunks.release(db, old)
    await chunks.abandon(db, old)
    with pytest.raises(LeaseLost):
        await chunks.settle(db, settled(old, {1: Code.SENT}), owner=1, lease_s=60)
    assert await everything(db) == before

    await chunks.release(db, new, delay_s=90)
    row = await db.fetchrow("SELECT state, owner, due_at > now() + interval '80 seconds' AS is_later FROM chunks")
    assert row is not None
    assert (row["state"], row["owner"], row["is_later"]) == (ChunkState.DUE, None, True)


async def test_a_chunk_without_a_message_comes_to_an_end(db: Database):
    """What was deleted under it is not claimed for ever."""
    app = await make_app(db)
    chunk = await claim_one(db, work(app, await add_message(db, app), [1]))

    await chunks.abandon(db, chunk)

    assert await states(db) == {1: ChunkState.DONE}


async def test_a_hold_concerns_one_message_and_a_cancelled_one_stays_so(db: Database):
    """Pausing and resuming one message; nothing brings a cancelled one back."""
    app = await make_app(db, spread=4)
    paused, cancelled, other = [await add_message(db, app) for _ in range(3)]
    ids = drawn_ids(8)
    for message in (paused, cancelled, other):
        await chunks.insert(db, [work(app, message, [number]) for number in ids])

    async def hold(message: int, to: Hold) -> None:
        await chunks.hold(db, app_id=app.id, buckets=app.buckets, message_id=message, to=to)

    await hold(paused, Hold.PAUSED)
    await hold(cancelled, Hold.CANCELLED)
    await hold(cancelled, Hold.NONE)
    holds = {row["msg_id"]: row["holds"] for row in await db.fetch(
        "SELECT msg_id, array_agg(DISTINCT hold) AS holds FROM chunks GROUP BY 1"
    )}  # fmt: skip

    assert holds == {paused: [Hold.PAUSED], cancelled: [Hold.CANCELLED], other: [Hold.NONE]}


async def test_what_of_a_message_is_not_done(db: Database):
    """Waiting, claimed and paused chunks are under way; cancelled ones only while a worker holds them."""
    app = await make_app(db)
    message = await add_message(db, app)
    chunk = await claim_one(db, work(app, message, [1]))
    await chunks.insert(db, [work(app, message, [2])])

    async def unfinished() -> int:
        return await chunks.unfinished(db, app_id=app.id, buckets=app.buckets, message_id=message)

    async def hold(to: Hold) -> int:
        await chunks.hold(db, app_id=app.id, buckets=app.buckets, message_id=message, to=to)
        return await unfinished()

    assert await unfinished() == 2
    assert await hold(Hold.PAUSED) == 2
    assert await hold(Hold.CANCELLED) == 1
    assert await chunks.settle(db, settled(chunk, {1: Code.SENT}), owner=1, lease_s=60) is Hold.CANCELLED
    assert await unfinished() == 0
