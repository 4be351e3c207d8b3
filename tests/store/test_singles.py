"""Single sends settled together: each by its own fence, each message closed with its only chunk."""

from datetime import UTC, datetime

import msgspec
import pytest

from gateway.model.app import App
from gateway.model.delivery import Code
from gateway.model.message import MessageState
from gateway.model.work import Chunk, GroupResult, Hold
from gateway.store import chunks, messages, outcomes, singles
from gateway.store.database import Database
from tests.store.rows import TODAY, add_message, claim, drawn_ids, enrol, everything, make_app, settled, work

IDS = drawn_ids(6)


async def born_claimed(db: Database, app: App, number: int) -> Chunk:
    """A message to one device, as the process that accepted it stores it."""
    new = work(app, await add_message(db, app), [number])
    chunk = Chunk(
        key=new.key, hi=new.hi, cursor=new.key.lo - 1, ids=new.ids, strikes=0, claim_no=1, expected=1, seen=0, tally={}
    )  # fmt: skip
    await chunks.insert_claimed(db, [chunk], owner=3, lease_s=30)
    return chunk


async def results_of(db: Database, app: App, count: int = len(IDS)) -> list[GroupResult]:
    await enrol(db, app, IDS[:count])
    return [settled(await born_claimed(db, app, number), {number: Code.SENT}) for number in IDS[:count]]


async def state_of(db: Database, app: App, result: GroupResult) -> tuple[int, dict[str, int] | None]:
    found = await messages.get(db, app_id=app.id, message_id=result.chunk.key.message_id)
    assert found is not None
    return found.state, found.tally


def ids_of(results: list[GroupResult]) -> set[int]:
    return {result.chunk.key.message_id for result in results}


async def test_what_was_born_claimed_is_nobody_elses(db: Database):
    """The accepting process sends it; a worker gets it only when that process fell silent."""
    app = await make_app(db)
    chunk = await born_claimed(db, app, IDS[0])

    assert await claim(db, owner=9, limit=9, lease_s=60) == []
    await db.execute("UPDATE chunks SET lease_until = now() - interval '1 second'")
    await chunks.release_expired(db)

    (theirs,) = await claim(db, owner=9, limit=9, lease_s=60)
    assert (theirs.key, theirs.ids, theirs.claim_no) == (chunk.key, [IDS[0]], 2)


async def test_many_single_sends_are_settled_and_closed_in_one_go(db: Database):
    """Order-status pushes: chunk done, outcome stored, message closed with its figures."""
    app = await make_app(db)
    results = await results_of(db, app)

    assert await singles.settle(db, results, whole=ids_of(results)) == ids_of(results)

    for result in results:
        assert await state_of(db, app, result) == (MessageState.DONE, {"stub.0.10": 1})
        (row,) = await outcomes.of_recipient(
            db,
            app_id=app.id,
            bucket=result.chunk.key.bucket,
            message_id=result.chunk.key.message_id,
            day=TODAY,
            subscription_id=result.ids[0],
        )
        assert list(row.codes) == [Code.SENT]
    assert await db.fetchval("SELECT count(*) FROM chunks WHERE state = 2 AND seen = 1") == len(IDS)


async def test_one_lost_lease_does_not_hurt_the_others(db: Database):
    """Each has its own fence: what is somebody else's by now is left alone, all of it."""
    app = await make_app(db)
    lost, *kept = await results_of(db, app)
    lost = msgspec.structs.replace(lost, gone={IDS[0]: datetime.now(UTC)}, suspects=[IDS[1]])
    await db.execute("UPDATE chunks SET claim_no = 2 WHERE msg_id = $1", lost.chunk.key.message_id)

    assert await singles.settle(db, [lost, *kept], whole=ids_of([lost, *kept])) == ids_of(kept)

    assert await state_of(db, app, lost) == (MessageState.SENDING, None)
    assert await db.fetchval("SELECT count(*) FROM outcomes") == len(kept)
    assert await db.fetchval("SELECT count(*) FROM subscriptions WHERE state <> 0 OR suspect_at IS NOT NULL") == 0


async def test_settling_twice_changes_nothing(db: Database):
    """A commit whose answer got lost is tried again, and finds its chunks done."""
    app = await make_app(db)
    results = await results_of(db, app)
    await singles.settle(db, results, whole=ids_of(results))
    before = await everything(db)

    assert await singles.settle(db, results, whole=ids_of(results)) == set()

    assert await everything(db) == before


async def test_a_message_with_more_than_this_is_not_closed(db: Database):
    """Neither one with other chunks, nor one whose device is to be tried again."""
    app = await make_app(db)
    several, again, whole = await results_of(db, app, 3)
    retry = work(app, again.chunk.key.message_id, again.ids, attempt=1, delay_s=60)
    again = settled(again.chunk, {}, retries=[retry])

    await singles.settle(db, [several, again, whole], whole=ids_of([again, whole]))

    assert await state_of(db, app, several) == (MessageState.SENDING, None)
    assert await state_of(db, app, again) == (MessageState.SENDING, None)
    assert await state_of(db, app, whole) == (MessageState.DONE, {"stub.0.10": 1})
    assert await db.fetch("SELECT ids, state, hold FROM chunks WHERE attempt = 1") == [(again.chunk.ids, 0, 0)]


@pytest.mark.parametrize("hold", [Hold.CANCELLED, Hold.PAUSED])
async def test_a_retry_of_a_single_send_waits_under_the_hold_of_its_message(db: Database, hold: Hold):
    """Cancelled while the push service was being asked: it may have got through, but nobody tries again."""
    app = await make_app(db)
    (result, other) = await results_of(db, app, 2)
    message = result.chunk.key.message_id
    await chunks.hold(db, app_id=app.id, buckets=app.buckets, message_id=message, to=hold)
    results = [
        settled(one.chunk, {}, retries=[work(app, one.chunk.key.message_id, one.ids, attempt=1)])
        for one in (result, other)
    ]

    await singles.settle(db, results, whole=ids_of(results))

    claimed = await claim(db, owner=9, limit=9, lease_s=60)
    assert [chunk.key.message_id for chunk in claimed] == [other.chunk.key.message_id]


async def test_a_cancelled_message_stays_cancelled_when_its_send_is_settled(db: Database):
    """The figures are kept, the word as well."""
    app = await make_app(db)
    (result,) = await results_of(db, app, 1)
    await messages.move(
        db,
        app_id=app.id,
        message_id=result.chunk.key.message_id,
        to=MessageState.CANCELLED,
        only_from=[MessageState.SENDING],
    )

    await singles.settle(db, [result], whole=ids_of([result]))

    assert await state_of(db, app, result) == (MessageState.CANCELLED, {"stub.0.10": 1})


async def test_a_single_send_to_a_dead_device_closes_it(db: Database):
    """Gone is gone, whichever way it was found out."""
    app = await make_app(db)
    await enrol(db, app, IDS[:1])
    chunk = await born_claimed(db, app, IDS[0])

    await singles.settle(db, [settled(chunk, {IDS[0]: Code.GONE}, gone=[IDS[0]])], whole=[chunk.key.message_id])

    assert await db.fetchval("SELECT state FROM subscriptions") == 1
