"""Messages in the store: due, planned by one, moved only from where they stand, closed once."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from gateway.model.audience import Audience, parse_topics
from gateway.model.ids import bucket_of_message
from gateway.model.message import Action, Content, MessageState
from gateway.model.work import MessageKind
from gateway.store import messages
from gateway.store.database import Database
from tests.store.rows import add_message, expire_leases, make_app

NOW = datetime.now(UTC)
FULL = Content(
    title={"en": "Sale", "nl": "Uitverkoop"},
    body="50 %",
    url="https://shop.example/sale",
    actions=(Action(id="buy", title="Buy", url="https://shop.example/buy"),),
    data={"a": [1, {"b": None}]},
    urgency="high",
    badge_count=0,
    extra={"stub": {"x": 1}},
)
AUDIENCE = Audience(topics=parse_topics("sale && !(vip || staff)"), languages=("nl",))


async def test_an_order_comes_back_as_it_went_in(db: Database):
    """Languages, buttons, data and audience survive the store; the id alone finds it."""
    app = await make_app(db)
    message_id = await add_message(db, app, audience=AUDIENCE, content=FULL, state=MessageState.SCHEDULED)

    found = await messages.get(db, app_id=app.id, message_id=message_id)

    assert found is not None
    assert (found.content, found.audience, found.kind) == (FULL, AUDIENCE, MessageKind.CAMPAIGN)
    assert (found.bucket, found.state, found.planned_at, found.tally) == (bucket_of_message(message_id), 0, None, None)
    assert found.expires_at - found.due_at == timedelta(hours=1)
    assert await messages.get(db, app_id=app.id + 1, message_id=message_id) is None


@pytest.mark.parametrize(
    ("state", "is_planned", "is_finished"),
    [(MessageState.SCHEDULED, False, False), (MessageState.SENDING, True, False), (MessageState.DONE, True, True)],
)
async def test_what_is_sent_at_once_counts_as_planned(
    db: Database, state: MessageState, *, is_planned: bool, is_finished: bool
):
    """And a named message to nobody is done the moment it is stored, with nobody in it."""
    app = await make_app(db)
    found = await messages.get(db, app_id=app.id, message_id=await add_message(db, app, state=state))

    assert found is not None
    assert (found.planned_at is not None, found.finished_at is not None) == (is_planned, is_finished)
    assert found.tally == ({} if is_finished else None)


async def test_only_what_is_due_is_planned_the_longest_due_first(db: Database):
    """A message of tomorrow waits; of many, the one that waited longest comes first."""
    app = await make_app(db)
    old = await add_message(db, app, state=MessageState.SCHEDULED, due_at=NOW - timedelta(hours=2))
    new = await add_message(db, app, state=MessageState.SCHEDULED, due_at=NOW - timedelta(minutes=1))
    await add_message(db, app, state=MessageState.SCHEDULED, due_at=NOW + timedelta(days=1))
    for state in (MessageState.SENDING, MessageState.PAUSED, MessageState.DONE, MessageState.CANCELLED):
        await add_message(db, app, state=state, due_at=NOW - timedelta(hours=3))

    assert [one.id for one in await messages.claim_due(db, limit=1, lease_s=60)] == [old]
    assert [one.id for one in await messages.claim_due(db, limit=9, lease_s=60)] == [new]
    assert await messages.claim_due(db, limit=9, lease_s=60) == []


async def test_two_planners_never_share(db: Database):
    """While one is still taking a message, the other takes another."""
    app = await make_app(db)
    for _ in range(5):
        await add_message(db, app, state=MessageState.SCHEDULED)

    async with db.transaction() as tx:
        mine = await messages.claim_due(tx, limit=2, lease_s=60)
        async with asyncio.timeout(2):
            theirs = await messages.claim_due(db, limit=9, lease_s=60)

    assert (len(mine), len(theirs)) == (2, 3)
    assert not {one.id for one in mine} & {one.id for one in theirs}


async def test_a_message_whose_planner_died_is_planned_again_as_of_the_first_time(db: Database):
    """The second planner counts the same audience: nobody who enrolled in between is added."""
    app = await make_app(db)
    await add_message(db, app, state=MessageState.SCHEDULED)
    (first,) = await messages.claim_due(db, limit=1, lease_s=60)
    assert await messages.claim_due(db, limit=1, lease_s=60) == []

    await expire_leases(db)
    (second,) = await messages.claim_due(db, limit=1, lease_s=60)

    assert (second.id, second.planned_at) == (first.id, first.planned_at)
    assert first.planned_at is not None


async def test_a_state_changes_only_from_where_it_stands(db: Database):
    """Of a cancellation and the end of planning, one comes first and the other one is told."""
    app = await make_app(db)
    message_id = await add_message(db, app, state=MessageState.PLANNING)

    async def move(to: MessageState, *only_from: MessageState) -> bool:
        return await messages.move(db, app_id=app.id, message_id=message_id, to=to, only_from=only_from)

    assert not await move(MessageState.SENDING, MessageState.SCHEDULED)
    assert await move(MessageState.CANCELLED, MessageState.PLANNING, MessageState.SENDING)
    assert not await move(MessageState.SENDING, MessageState.PLANNING)

    found = await messages.get(db, app_id=app.id, message_id=message_id)
    assert found is not None
    assert (found.state, found.tally) == (MessageState.CANCELLED, None)
    assert found.finished_at is not None


@pytest.mark.parametrize("state", [MessageState.SENDING, MessageState.CANCELLED])
async def test_a_final_tally_is_kept_once(db: Database, state: MessageState):
    """A cancelled message keeps its word; whoever comes second changes no figure."""
    app = await make_app(db)
    message_id = await add_message(db, app, state=MessageState.SENDING)
    await messages.move(db, app_id=app.id, message_id=message_id, to=state, only_from=[MessageState.SENDING])

    async def finish(tally: dict[str, int]) -> bool:
        return await messages.finish(
            db, app_id=app.id, message_id=message_id, tally=tally, only_from=[MessageState.SENDING, state]
        )

    await db.execute("UPDATE messages SET planned_at = now() - interval '1 minute'")
    assert [(one.app_id, one.id) for one in await messages.running(db, after=None, limit=9)] == [(app.id, message_id)]
    assert await finish({"stub.0.10": 3})
    assert not await finish({"stub.0.10": 99})

    found = await messages.get(db, app_id=app.id, message_id=message_id)
    assert found is not None
    assert found.tally == {"stub.0.10": 3}
    assert found.state == (MessageState.DONE if state is MessageState.SENDING else MessageState.CANCELLED)
    assert await messages.running(db, after=None, limit=9) == []


async def test_pages_hold_every_message_once_newest_first(db: Database):
    """The list of a shop, also where many were ordered in the same moment."""
    app, other = await make_app(db), await make_app(db)
    ids = {await add_message(db, app) for _ in range(5)}
    await db.execute("UPDATE messages SET created_at = $1", NOW)
    ids |= {await add_message(db, app, state=MessageState.SCHEDULED) for _ in range(2)}
    await add_message(db, other)

    seen: list[messages.StoredMessage] = []
    before = None
    while page := await messages.page(db, app_id=app.id, before=before, limit=3, state=None):
        seen += page
        before = (page[-1].created_at, page[-1].id)

    assert {one.id for one in seen} == ids
    assert len(seen) == 7
    assert [(one.created_at, one.id) for one in seen] == sorted(
        ((one.created_at, one.id) for one in seen), reverse=True
    )
    only = await messages.page(db, app_id=app.id, before=None, limit=9, state=MessageState.SCHEDULED)
    assert len(only) == 2
