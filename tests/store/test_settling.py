"""Settling a group: all of it or nothing, only by who holds the chunk, and once."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import msgspec
import pytest

from gateway.model.app import App
from gateway.model.delivery import Code
from gateway.model.message import MessageState
from gateway.model.subscriber import SubscriptionState
from gateway.model.work import ChunkState, GroupResult, Hold
from gateway.store import chunks, messages, outcomes, subscriptions
from gateway.store.chunks import LeaseLost
from gateway.store.database import Database
from tests.store.rows import TODAY, add_message, claim, claim_one, drawn_ids, enrol, everything, make_app, settled, work
from tests.store.waiting import wait_for_a_lock

IDS = drawn_ids(5)


async def campaign(db: Database) -> tuple[App, GroupResult]:
    """A claimed chunk of five devices, and what a worker found out: one of everything."""
    app = await make_app(db)
    await enrol(db, app, IDS)
    message = await add_message(db, app)
    chunk = await claim_one(db, work(app, message, IDS))
    sent, also_sent, gone, doubtful, later = IDS
    result = settled(
        chunk,
        {sent: Code.SENT, also_sent: Code.SENT, gone: Code.GONE, doubtful: Code.FAILED_CREDENTIAL},
        retries=[work(app, message, [later], attempt=1, delay_s=60)],
        gone=[gone],
        suspects=[doubtful],
    )
    return app, result


async def test_one_transaction_holds_all_that_became_of_a_group(db: Database):
    """Cursor, tally, outcomes, retries, closed addresses and doubts are there together."""
    app, result = await campaign(db)

    assert await chunks.settle(db, result, owner=1, lease_s=60) is Hold.NONE

    key = result.chunk.key
    (done, again) = await db.fetch("SELECT * FROM chunks ORDER BY attempt")
    assert (done["state"], done["cursor"], done["seen"], done["tally"]) == (2, IDS[-1], 5, result.tally)
    assert (again["state"], again["ids"], again["attempt"], again["expected"]) == (0, [IDS[4]], 1, 1)
    (row,) = await outcomes.of_recipient(
        db, app_id=app.id, bucket=key.bucket, message_id=key.message_id, day=TODAY, subscription_id=IDS[2]
    )
    assert (row.ids, list(row.codes)) == (IDS[:4], [Code.SENT, Code.SENT, Code.GONE, Code.FAILED_CREDENTIAL])
    found = {one.id: one for one in await subscriptions.get_many(db, app, IDS)}
    assert [found[number].state for number in IDS] == [0, 0, SubscriptionState.GONE, 0, 0]
    assert found[IDS[2]].ended_at is not None
    assert await db.fetch("SELECT id FROM subscriptions WHERE suspect_at IS NOT NULL") == [(IDS[3],)]


@pytest.mark.parametrize("fault", ["no partition for the day", "a retry that cannot be stored", "too many at once"])
async def test_what_breaks_in_the_middle_leaves_nothing(db: Database, fault: str):
    """No half of a group: else a report would count people whose outcome nobody knows."""
    _, result = await campaign(db)
    match fault:
        case "no partition for the day":
            broken = msgspec.structs.replace(result, day=TODAY - timedelta(days=4000))
        case "a retry that cannot be stored":
            (retry,) = result.retries
            broken = msgspec.structs.replace(result, retries=[msgspec.structs.replace(retry, strikes=1 << 40)])
        case _:
            broken = msgspec.structs.replace(result, ids=list(range(501)), codes=bytes(501))
    before = await everything(db)

    with pytest.raises((asyncpg.PostgresError, asyncpg.DataError, AssertionError)):
        await chunks.settle(db, broken, owner=1, lease_s=60)

    assert await everything(db) == before
    await chunks.settle(db, result, owner=1, lease_s=60)


async def test_a_caller_that_fails_takes_the_whole_group_back(db: Database):
    """A crash before the commit: the next worker finds the group as if nobody had been there."""
    _, result = await campaign(db)
    before = await everything(db)

    with pytest.raises(ZeroDivisionError):
        async with db.transaction() as tx:
            await chunks.settle(tx, result, owner=1, lease_s=60)
            raise ZeroDivisionError

    assert await everything(db) == before


async def test_a_group_is_settled_once(db: Database):
    """A commit whose answer got lost is not written a second time, although the claim is still ours."""
    _, result = await campaign(db)
    result = msgspec.structs.replace(result, is_finished=False, cursor=IDS[3], retries=[])
    await chunks.settle(db, result, owner=1, lease_s=60)
    before = await everything(db)

    assert await chunks.settle(db, result, owner=1, lease_s=60) is Hold.NONE, "the answer that got lost"

    assert await everything(db) == before


async def test_another_claim_makes_results_worthless(db: Database):
    """The lease ran out and somebody else has the chunk: nothing at all is written by the first one."""
    _, result = await campaign(db)
    await chunks.release(db, result.chunk)
    (theirs,) = await claim(db, owner=2, limit=1, lease_s=60)
    before = await everything(db)

    with pytest.raises(LeaseLost):
        await chunks.settle(db, result, owner=1, lease_s=60)

    assert await everything(db) == before
    await chunks.settle(db, msgspec.structs.replace(result, chunk=theirs), owner=1, lease_s=60)


async def test_the_next_group_goes_on_behind_the_cursor(db: Database):
    """A chunk of several groups stays ours, its lease renewed, until it is finished."""
    app = await make_app(db)
    message = await add_message(db, app)
    chunk = await claim_one(db, work(app, message, IDS), lease_s=5)

    first = settled(chunk, dict.fromkeys(IDS[:2], Code.SENT), cursor=IDS[1], is_finished=False)
    await chunks.settle(db, first, owner=1, lease_s=300)
    row = await db.fetchrow(
        "SELECT state, cursor, lease_until > now() + interval '4 minutes' AS is_renewed FROM chunks"
    )
    assert row is not None
    assert tuple(row) == (ChunkState.CLAIMED, IDS[1], True)

    chunk = msgspec.structs.replace(chunk, cursor=first.cursor, seen=first.seen, tally=first.tally)
    await chunks.settle(db, settled(chunk, dict.fromkeys(IDS[2:], Code.SENT)), owner=1, lease_s=60)
    (total,) = await chunks.sums(db, app_id=app.id, buckets=app.buckets, message_id=message)
    assert (total.is_done, total.seen, total.tally) == (True, 5, {"stub.0.10": 5})


async def test_a_device_that_came_back_meanwhile_is_not_closed(db: Database):
    """The push service meant the old address; the new one was registered after we read the old."""
    app, result = await campaign(db)
    read_at = datetime.now(UTC) - timedelta(seconds=30)

    await chunks.settle(
        db, msgspec.structs.replace(result, gone=dict.fromkeys(result.gone, read_at)), owner=1, lease_s=60
    )

    (device,) = await subscriptions.get_many(db, app, [IDS[2]])
    assert (device.state, device.ended_at) == (SubscriptionState.ACTIVE, None)


async def test_the_first_doubt_is_remembered_until_a_success(db: Database):
    """An hour counts from the first doubtful answer, and starts afresh after a success."""
    app = await make_app(db)
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    await enrol(db, app, IDS, suspect_at=hour_ago)
    chunk = await claim_one(db, work(app, await add_message(db, app), IDS))
    again, cleared = IDS[0], IDS[1]

    ends = {again: Code.FAILED_CREDENTIAL, cleared: Code.SENT}
    await chunks.settle(db, settled(chunk, ends, suspects=[again], cleared=[cleared]), owner=1, lease_s=60)

    found = {row["id"]: row["suspect_at"] for row in await db.fetch("SELECT id, suspect_at FROM subscriptions")}
    assert found == {again: hour_ago, cleared: None, **dict.fromkeys(IDS[2:], hour_ago)}


@pytest.mark.parametrize("hold", [Hold.PAUSED, Hold.CANCELLED])
async def test_who_is_to_be_tried_again_waits_under_the_same_hold(db: Database, hold: Hold):
    """A group under way when its message is cancelled may finish; its retries are cancelled with the message."""
    app, result = await campaign(db)
    message = result.chunk.key.message_id
    await chunks.hold(db, app_id=app.id, buckets=app.buckets, message_id=message, to=hold)

    assert await chunks.settle(db, result, owner=1, lease_s=60) is hold

    await db.execute("UPDATE chunks SET due_at = now() - interval '1 minute'")
    assert await claim(db, owner=3, limit=10, lease_s=60) == []


async def test_cancelling_catches_retries_of_a_group_that_is_just_being_settled(db: Database):
    """In the very moment: the cancellation waits for the group, and then sees what the group has added."""
    app, result = await campaign(db)
    message = result.chunk.key.message_id

    async with db.transaction() as tx:
        assert await chunks.settle(tx, result, owner=1, lease_s=60) is Hold.NONE
        holding = asyncio.create_task(
            chunks.hold(db, app_id=app.id, buckets=app.buckets, message_id=message, to=Hold.CANCELLED)
        )
        await wait_for_a_lock(db)
    await holding

    assert await db.fetch("SELECT state, hold FROM chunks ORDER BY attempt") == [(2, 0), (0, 2)]
    assert await chunks.unfinished(db, app_id=app.id, buckets=app.buckets, message_id=message) == 0


async def test_a_message_is_closed_once(db: Database):
    """Two workers that end its last chunks at once: one of them closes it, and the figures are those of one."""
    app = await make_app(db)
    message = await add_message(db, app)

    closed = await asyncio.gather(
        *(
            messages.finish(
                db, app_id=app.id, message_id=message, tally={"stub.0.10": 3}, only_from=[MessageState.SENDING]
            )
            for _ in range(4)
        )
    )

    assert sorted(closed) == [False, False, False, True]
