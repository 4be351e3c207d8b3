"""From an audience to chunks: everybody once, whatever happens to the planner."""

import asyncio

import pytest

from gateway.model.app import App
from gateway.model.audience import Audience, parse_topics
from gateway.model.errors import Conflict, NotFound
from gateway.model.ids import bucket_of_text
from gateway.model.message import MessageState
from gateway.model.work import Hold
from gateway.sending import control, plan, preview
from gateway.sending.accept import Order
from gateway.store import messages
from gateway.store.database import Database
from gateway.store.messages import StoredMessage
from tests.store.rows import CONTENT, EVERYBODY, add_message, drawn_ids, enrol, everything, expire_leases, make_app

IDS = drawn_ids(300)


async def claimed(db: Database, app: App, audience: Audience = EVERYBODY) -> StoredMessage:
    """A message that a planner has just taken."""
    await add_message(db, app, audience=audience, state=MessageState.SCHEDULED)
    (message,) = await messages.claim_due(db, limit=1, lease_s=60)
    return message


async def state_of(db: Database, message: StoredMessage) -> int:
    found = await messages.get(db, app_id=message.app_id, message_id=message.id)
    assert found is not None
    return found.state


async def expected(db: Database) -> int:
    return await db.fetchval("SELECT coalesce(sum(expected), 0)::int FROM chunks")


async def add_person(db: Database, app: App, person: str, subs: list[int]) -> None:
    await db.execute(
        "INSERT INTO persons (app_id, bucket, person, subs) VALUES ($1, $2, $3, $4)",
        app.id,
        bucket_of_text(person.encode(), home=app.home, spread=app.spread),
        person,
        subs,
    )


async def add_topic(db: Database, app: App, slug: str, number: int) -> None:
    await db.execute("INSERT INTO topics (app_id, id, slug, name) VALUES ($1, $2, $3, $3)", app.id, number, slug)


async def finder(db: Database, app: App) -> plan.AppSource:
    async def app_of(app_id: int) -> App:
        if app_id != app.id:
            raise NotFound("app")
        return app

    return app_of


@pytest.mark.parametrize("spread", [1, 8])
async def test_everybody_is_planned_once(db: Database, spread: int):
    """The chunks expect as many as there are, in the app's buckets, and the message is on its way."""
    app = await make_app(db, spread=spread)
    await enrol(db, app, IDS)
    message = await claimed(db, app)

    await plan.plan_one(db, app, message)

    assert await state_of(db, message) == MessageState.SENDING
    assert await expected(db) == len(IDS)
    rows = await db.fetch("SELECT DISTINCT bucket FROM chunks")
    assert {row["bucket"] for row in rows} == set(app.buckets)


async def test_a_planner_that_dies_after_its_claim_is_replaced(db: Database):
    """Its lease runs out; the next one plans the message, once."""
    app = await make_app(db)
    await enrol(db, app, IDS)
    message = await claimed(db, app)
    app_of = await finder(db, app)
    assert await plan.plan_due(db, app_of) == 0

    await expire_leases(db)
    assert await plan.plan_due(db, app_of) == 1
    assert await plan.plan_due(db, app_of) == 0

    assert await state_of(db, message) == MessageState.SENDING
    assert await expected(db) == len(IDS)


async def test_planned_twice_at_once_there_is_one_set_of_chunks(db: Database):
    """A planner that was thought dead comes back in the very moment that another one finishes."""
    app = await make_app(db, spread=4)
    await enrol(db, app, IDS)
    message = await claimed(db, app)

    await asyncio.gather(*(plan.plan_one(db, app, message) for _ in range(4)))
    before = await everything(db)
    await plan.plan_one(db, app, message)

    assert await everything(db) == before
    assert await expected(db) == len(IDS)


async def test_a_planner_that_dies_while_writing_leaves_nothing(db: Database):
    """Chunks and the change of state are one transaction."""
    app = await make_app(db)
    await enrol(db, app, IDS)
    message = await claimed(db, app)
    before = await everything(db)

    class CrashError(Exception):
        """The power goes."""

    with pytest.raises(CrashError):
        async with db.transaction() as tx:
            stand_in: Database = tx  # type: ignore[assignment]  # a savepoint instead of a transaction
            await plan.plan_one(stand_in, app, message)
            raise CrashError

    assert await everything(db) == before


async def test_how_many_there_are_is_kept_where_they_are_many(db: Database):
    """Browsers of a large message are told to spread what they report; for a few nothing is written."""
    app = await make_app(db)
    for ids, kept in ((drawn_ids(2_000), 2_000), (drawn_ids(1_999), None)):
        await db.execute("DELETE FROM subscriptions")
        await enrol(db, app, ids)
        message = await claimed(db, app)
        await plan.plan_one(db, app, message)
        found = await messages.get(db, app_id=app.id, message_id=message.id)
        assert found is not None
        assert found.recipients == kept
        assert found.on_its_way().recipients == (kept or 0)


async def test_an_audience_of_nobody_is_done(db: Database):
    """A topic that nobody follows, or that does not exist."""
    app = await make_app(db)
    await enrol(db, app, IDS[:3])
    message = await claimed(db, app, Audience(topics=parse_topics("unknown")))

    await plan.plan_one(db, app, message)

    assert await state_of(db, message) == MessageState.DONE
    assert await expected(db) == 0


async def test_named_recipients_are_listed(db: Database):
    """More than the short way takes: lists, in order, of those who are there."""
    app = await make_app(db, spread=4)
    await enrol(db, app, IDS[:150])
    message = await claimed(db, app, Audience(subscriptions=tuple(IDS[:200])))

    await plan.plan_one(db, app, message)

    rows = await db.fetch("SELECT ids, lo, hi, cursor FROM chunks")
    assert sorted(number for row in rows for number in row["ids"]) == IDS[:150]
    assert all(row["ids"] == sorted(row["ids"]) for row in rows)
    assert all(
        (row["lo"], row["hi"], row["cursor"]) == (row["ids"][0], row["ids"][-1], row["ids"][0] - 1) for row in rows
    )


@pytest.mark.parametrize(
    ("selectors", "wanted"),
    [
        ({"users": ("anna",)}, {0, 1}),
        ({"users": ("anna", "ben")}, {0, 1, 2}),
        ({"users": ("anna",), "subscriptions": (IDS[1], IDS[2])}, {1}),
        ({"users": ("anna", "ben"), "topics": "sale"}, {0, 2}),
        ({"subscriptions": tuple(IDS[:6]), "languages": ("nl",)}, {3}),
        ({"users": ("nobody",)}, set()),
        ({"users": ("nobody",), "subscriptions": (IDS[0],)}, set()),
        ({"topics": "sale"}, {0, 2, 4}),
        ({"topics": "!sale"}, {1, 3, 5}),
        ({"channels": ("stub",), "languages": ("nl",)}, {3}),
    ],
)
async def test_selectors_are_joined_by_and(db: Database, selectors: dict[str, object], wanted: set[int]):
    """Who is listed, follows, reads: all of it at once. A dry run counts the same."""
    app = await make_app(db, spread=2)
    await add_topic(db, app, "sale", 9)
    for at, number in enumerate(IDS[:6]):
        await enrol(db, app, [number], topics=[9] if at in {0, 2, 4} else [], locale="nl" if at == 3 else None)
    await add_person(db, app, "anna", IDS[:2])
    await add_person(db, app, "ben", [IDS[2]])
    given = {**selectors, "topics": parse_topics(str(selectors["topics"]))} if "topics" in selectors else selectors
    audience = Audience(**given)  # type: ignore[arg-type]  # the table above holds every selector's own type
    message = await claimed(db, app, audience)

    await plan.plan_one(db, app, message)
    told = await preview.preview(
        db, app, Order(content=CONTENT, audience=audience), transports={}, now=message.created_at
    )

    assert await expected(db) == len(wanted) == told.audience
    rows = await db.fetch("SELECT ids FROM chunks WHERE ids IS NOT NULL")
    listed = {number for row in rows for number in row["ids"]}
    if audience.is_named:
        assert listed == {IDS[at] for at in wanted}


async def test_a_message_of_a_deleted_app_fails(db: Database):
    """It is not looked at again and again, and the others of the round are planned."""
    app, deleted = await make_app(db), await make_app(db)
    await enrol(db, app, IDS[:2])
    await add_message(db, deleted, state=MessageState.SCHEDULED)
    await add_message(db, app, state=MessageState.SCHEDULED)

    assert await plan.plan_due(db, await finder(db, app)) == 2

    rows = await db.fetch("SELECT app_id, state FROM messages")
    assert {row["app_id"]: row["state"] for row in rows} == {
        deleted.id: MessageState.FAILED,
        app.id: MessageState.SENDING,
    }


# --- control ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", [control.cancel, control.pause])
async def test_what_is_stopped_while_it_is_planned_gets_no_chunks(db: Database, what: object):
    """Cancelled or paused in the moment between the claim and the chunks."""
    app = await make_app(db)
    await enrol(db, app, IDS)
    message = await claimed(db, app)

    state = await (control.cancel if what is control.cancel else control.pause)(db, app, message.id)
    await plan.plan_one(db, app, message)

    assert await expected(db) == 0
    assert await state_of(db, message) == state


async def test_what_was_paused_before_planning_is_planned_after_it_resumes(db: Database):
    """It starts over where it was, and loses nobody."""
    app = await make_app(db)
    await enrol(db, app, IDS)
    message = await claimed(db, app)
    await control.pause(db, app, message.id)

    assert await control.resume(db, app, message.id) == MessageState.SCHEDULED
    assert await plan.plan_due(db, await finder(db, app)) == 1

    assert await expected(db) == len(IDS)


async def test_pausing_and_resuming_what_is_being_sent(db: Database):
    """Chunks are held, then freed; each word may be said twice."""
    app = await make_app(db, spread=4)
    await enrol(db, app, IDS)
    message = await claimed(db, app)
    await plan.plan_one(db, app, message)

    async def holds() -> set[int]:
        return {row["hold"] for row in await db.fetch("SELECT DISTINCT hold FROM chunks")}

    for _ in range(2):
        assert await control.pause(db, app, message.id) == MessageState.PAUSED
        assert await holds() == {Hold.PAUSED}
    for _ in range(2):
        assert await control.resume(db, app, message.id) == MessageState.SENDING
        assert await holds() == {Hold.NONE}
    for _ in range(2):
        assert await control.cancel(db, app, message.id) == MessageState.CANCELLED
        assert await holds() == {Hold.CANCELLED}


@pytest.mark.parametrize("what", ["cancel", "pause", "resume"])
@pytest.mark.parametrize("state", [MessageState.DONE, MessageState.FAILED, MessageState.CANCELLED])
async def test_what_is_over_cannot_be_stopped(db: Database, what: str, state: MessageState):
    """409 with its state, and nothing changes; cancelling the cancelled is no error."""
    app = await make_app(db)
    message_id = await add_message(db, app, state=state)
    before = await everything(db)
    call = {"cancel": control.cancel, "pause": control.pause, "resume": control.resume}[what]

    if what == "cancel" and state is MessageState.CANCELLED:
        assert await call(db, app, message_id) == state
    else:
        with pytest.raises(Conflict) as refused:
            await call(db, app, message_id)
        assert (refused.value.code, state.name.lower() in refused.value.message) == ("state_conflict", True)
    assert await everything(db) == before


async def test_a_message_of_another_app_is_not_there(db: Database):
    """Neither to be stopped nor to be known of."""
    app, other = await make_app(db), await make_app(db)
    message_id = await add_message(db, other)

    for call in (control.cancel, control.pause, control.resume):
        with pytest.raises(NotFound):
            await call(db, app, message_id)
