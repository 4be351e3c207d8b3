"""Accepting orders: together in one transaction, each once, and never half."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.model.app import App
from gateway.model.audience import Audience, parse_topics
from gateway.model.errors import Conflict, GatewayError, StoreUnavailable
from gateway.model.ids import bucket_of_id, bucket_of_message, bucket_of_text, to_text
from gateway.model.limits import ACCEPT_BATCH_MAX, ACCEPT_QUEUE_MAX, SHORT_WAY_RECIPIENTS_MAX
from gateway.model.message import Content, MessageState
from gateway.model.work import Handover
from gateway.sending.accept import Acceptance, Acceptor, Claim, Order
from gateway.store.database import Connection, Database
from tests.store.rows import CONTENT, EVERYBODY, drawn_ids, enrol, make_app

POISON = Content(title="jsonb takes no \x00")


class Engine:
    """The delivery engine of this process, as accepting sees it."""

    def __init__(self, room: int = 1000) -> None:
        self.owner = 77
        self.taken: list[Handover] = []
        self._room = room

    def room(self) -> int:
        return self._room

    def take(self, work: Sequence[Handover]) -> None:
        self.taken += work


def render(message_id: int, state: int, created_at: datetime) -> bytes:
    return f'{{"id":"{to_text("msg", message_id)}","state":{state},"at":"{created_at.isoformat()}"}}'.encode()


def acceptor(db: Any, engine: Engine | None = None) -> Acceptor:
    return Acceptor(db, sender=engine, born_claimed_lease_s=30, clock=lambda: datetime.now(UTC))


def order(*ids: int, content: Content = CONTENT, **selectors: Any) -> Order:
    return Order(content=content, audience=Audience(subscriptions=ids, **selectors))


CAMPAIGN = Order(content=CONTENT, audience=EVERYBODY)


async def accept(
    accepts: Acceptor, app: App, one: Order = CAMPAIGN, *, key: str | None = None, body: bytes = b"h"
) -> Acceptance:
    return await accepts.accept(app, one, claim=None if key is None else Claim(key, body), render=render)


async def together(*calls: Any) -> list[Any]:
    """What becomes of calls that arrive at the same moment."""
    return await asyncio.gather(*calls, return_exceptions=True)


async def stored(db: Database) -> int:
    return await db.fetchval("SELECT count(*) FROM messages")


async def test_orders_that_arrive_together_are_one_transaction(db: Database):
    """One flush of Postgres' log for all of them; each gets its own id."""
    app = await make_app(db)
    accepts = acceptor(db)

    found = await together(*(accept(accepts, app, key=f"k{number}") for number in range(ACCEPT_BATCH_MAX)))

    assert len({one.message_id for one in found}) == ACCEPT_BATCH_MAX == 64
    assert await stored(db) == 64
    assert await db.fetchval("SELECT count(DISTINCT xmin::text) FROM messages") == 1
    assert await db.fetchval("SELECT count(DISTINCT xmin::text) FROM idempotency") == 1


async def test_more_than_a_batch_is_several_and_apps_do_not_mix(db: Database):
    """No transaction grows without bound, and none holds two apps."""
    first, second = await make_app(db), await make_app(db)
    accepts = acceptor(db)

    await together(*(accept(accepts, app) for _ in range(70) for app in (first, second)))

    sizes = await db.fetch("SELECT count(*) AS n, count(DISTINCT app_id) AS apps FROM messages GROUP BY xmin::text")
    assert sum(row["n"] for row in sizes) == 140
    assert {row["apps"] for row in sizes} == {1}
    assert max(row["n"] for row in sizes) <= ACCEPT_BATCH_MAX


async def test_a_repeated_key_gets_the_first_answer_byte_for_byte(db: Database):
    """A shop whose request timed out sends it again, an hour or a blink later: one message."""
    app = await make_app(db)
    accepts = acceptor(db)

    same_moment = await together(accept(accepts, app, key="k"), accept(accepts, app, key="k"))
    later = await accept(acceptor(db), app, key="k")

    (first,) = [one for one in same_moment if not one.replayed]
    assert later.replayed
    assert {one.answer for one in (*same_moment, later)} == {render(first.message_id, 0, first.created_at)}
    assert await stored(db) == 1


async def test_a_key_with_another_body_is_refused(db: Database):
    """It is a mistake of the caller, and must neither send nor replay."""
    app = await make_app(db)
    accepts = acceptor(db)

    found = await together(accept(accepts, app, key="k", body=b"one"), accept(accepts, app, key="k", body=b"two"))

    (other,) = [one for one in found if isinstance(one, Conflict)]
    assert (other.code, other.status) == ("idempotency_mismatch", 409)
    assert await stored(db) == 1


async def test_two_processes_and_one_key_make_one_message(db: Database):
    """The load balancer sent the repetition to another process while the first is at it."""
    app = await make_app(db)

    found = await together(*(accept(acceptor(db), app, key="k") for _ in range(6)))

    assert len({one.answer for one in found}) == 1
    assert sorted(one.replayed for one in found) == [False, *[True] * 5]
    assert await stored(db) == 1


async def test_keys_are_an_apps_own_and_expire(db: Database):
    """Another app's key is another key; after seven days it is free."""
    app, other = await make_app(db), await make_app(db)
    accepts = acceptor(db)
    await accept(accepts, app, key="k")

    assert not (await accept(accepts, other, key="k")).replayed
    await db.execute("UPDATE idempotency SET expires_at = now() - interval '1 second'")
    assert not (await accept(accepts, app, key="k", body=b"another")).replayed
    assert (await accept(accepts, app, key="k", body=b"another")).replayed


async def test_an_order_that_breaks_its_transaction_fails_alone(db: Database):
    """Sixty good ones that happened to arrive beside it are stored, once each, with their keys."""
    app = await make_app(db)
    accepts = acceptor(db)
    orders = [Order(content=POISON if number == 7 else CONTENT, audience=EVERYBODY) for number in range(20)]

    found = await together(*(accept(accepts, app, one, key=f"k{at}") for at, one in enumerate(orders)))

    assert [at for at, one in enumerate(found) if isinstance(one, BaseException)] == [7]
    assert await stored(db) == 19
    assert await db.fetchval("SELECT count(*) FROM idempotency") == 19
    assert not (await accept(accepts, app, key="k7")).replayed


async def test_a_database_that_dies_at_the_commit_is_a_503_and_nothing_is_sent(database: Database):
    """Nobody was told 202, so nobody must get a push."""
    app = await make_app(database)
    (number,) = await enrol(database, app, drawn_ids(1))
    await database.execute(
        """
        CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';
        CREATE CONSTRAINT TRIGGER die AFTER INSERT ON messages DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION die();
        """
    )
    engine = Engine()
    accepts = acceptor(database, engine)

    found = await together(*(accept(accepts, app, order(number), key=f"k{at}") for at in range(5)))

    assert [type(one) for one in found] == [StoreUnavailable] * 5
    assert engine.taken == []
    await database.execute("DROP TRIGGER die ON messages")
    assert await stored(database) == 0
    again = await accept(accepts, app, order(number), key="k0")
    assert (again.replayed, len(engine.taken)) == (False, 1)


class Away:
    """A database that is away."""

    def transaction(self) -> AbstractAsyncContextManager[Connection]:
        raise StoreUnavailable


async def test_more_than_can_wait_is_refused_at_once(db: Database):
    """An honest 503 now is better than a timeout in a minute; the others are answered as well."""
    app = await make_app(db)
    accepts = acceptor(Away())

    found = await together(*(accept(accepts, app) for _ in range(ACCEPT_QUEUE_MAX + 3)))

    codes = [one.code for one in found if isinstance(one, GatewayError)]
    assert codes == ["store_unavailable"] * ACCEPT_QUEUE_MAX + ["overloaded"] * 3
    await accepts.aclose()


async def test_a_caller_who_went_away_takes_nobody_along(db: Database):
    """A client that hangs up: its order may be stored, its neighbours are."""
    app = await make_app(db)
    accepts = acceptor(db)
    tasks = [asyncio.create_task(accept(accepts, app)) for _ in range(6)]
    await asyncio.sleep(0)
    tasks[2].cancel()

    found = await asyncio.gather(*tasks, return_exceptions=True)

    assert [at for at, one in enumerate(found) if isinstance(one, BaseException)] == [2]


async def test_closing_waits_for_what_was_taken(db: Database):
    """A process that stops has answered all it took."""
    app = await make_app(db)
    accepts = acceptor(db)
    tasks = [asyncio.create_task(accept(accepts, app)) for _ in range(200)]
    await asyncio.sleep(0)

    await accepts.aclose()

    assert all(task.done() for task in tasks)
    assert await stored(db) == 200


# --- the short way ----------------------------------------------------------------------------------------------------


async def test_a_few_named_devices_are_sent_to_at_once(db: Database):
    """Planned within the request, born claimed by this process, with all that sending needs."""
    app = await make_app(db, spread=4)
    ids = await enrol(db, app, drawn_ids(9))
    engine = Engine()

    found = await accept(acceptor(db, engine), app, order(*ids, 12345))

    assert found.state == MessageState.SENDING
    assert {device.subscription_id for work in engine.taken for device in work.devices} == set(ids)
    assert {work.message.id for work in engine.taken} == {found.message_id}
    rows = await db.fetch(
        "SELECT bucket, ids, state, owner, claim_no, expected, lease_until > now() AS live FROM chunks"
    )
    assert {(row["bucket"], tuple(row["ids"])) for row in rows} == {
        (work.chunk.key.bucket, tuple(work.chunk.ids or ())) for work in engine.taken
    }
    assert {(row["state"], row["owner"], row["claim_no"], row["live"]) for row in rows} == {(1, 77, 1, True)}
    assert sum(row["expected"] for row in rows) == len(ids)
    for work in engine.taken:
        assert {bucket_of_id(one, home=app.home, spread=app.spread) for one in work.chunk.ids or ()} == {
            work.chunk.key.bucket
        }
        assert (work.chunk.hi, work.chunk.cursor, work.is_whole) == (
            max(work.chunk.ids or ()),
            min(work.chunk.ids or ()) - 1,
            False,
        )


async def test_a_message_to_one_device_lies_beside_it(db: Database):
    """Message, chunk and outcome in one bucket: one transaction closes all of it."""
    app = await make_app(db, spread=1024)
    (number,) = await enrol(db, app, drawn_ids(1))
    engine = Engine()

    found = await accept(acceptor(db, engine), app, order(number))

    (work,) = engine.taken
    assert work.is_whole
    assert bucket_of_message(found.message_id) == work.chunk.key.bucket


@pytest.mark.parametrize(
    ("count", "is_short"), [(SHORT_WAY_RECIPIENTS_MAX, True), (SHORT_WAY_RECIPIENTS_MAX + 1, False)]
)
async def test_a_hundred_go_the_short_way_and_a_hundred_and_one_do_not(db: Database, count: int, *, is_short: bool):
    """Above that the planner does it: a request must stay a few milliseconds."""
    app = await make_app(db, spread=4)
    ids = await enrol(db, app, drawn_ids(count))
    engine = Engine()

    found = await accept(acceptor(db, engine), app, order(*ids))

    assert found.state == (MessageState.SENDING if is_short else MessageState.SCHEDULED)
    assert sum(len(work.devices) for work in engine.taken) == (count if is_short else 0)
    assert await db.fetchval("SELECT coalesce(sum(expected), 0) FROM chunks") == (count if is_short else 0)


@pytest.mark.parametrize(("per_user", "is_short"), [(50, True), (51, False)])
async def test_it_is_devices_that_count_not_people(db: Database, per_user: int, *, is_short: bool):
    """Two people with many devices are many recipients."""
    app = await make_app(db)
    ids = iter(drawn_ids(2 * per_user))
    for user in ("anna", "ben"):
        mine = await enrol(db, app, [next(ids) for _ in range(per_user)], person=user)
        bucket = bucket_of_text(user.encode(), home=app.home, spread=app.spread)
        await db.execute(
            "INSERT INTO persons (app_id, bucket, person, subs) VALUES ($1, $2, $3, $4)", app.id, bucket, user, mine
        )
    engine = Engine()

    users = Order(content=CONTENT, audience=Audience(users=("anna", "ben", "nobody")))
    found = await accept(acceptor(db, engine), app, users)

    assert found.state == (MessageState.SENDING if is_short else MessageState.SCHEDULED)
    assert sum(len(work.devices) for work in engine.taken) == (100 if is_short else 0)


async def test_a_named_message_to_nobody_is_done(db: Database):
    """The person has left every device: the shop hears so at once."""
    app = await make_app(db)
    gone = await enrol(db, app, drawn_ids(2), state=1)
    engine = Engine()

    found = await accept(acceptor(db, engine), app, order(*gone, 999))

    assert (found.state, engine.taken) == (MessageState.DONE, [])
    assert await db.fetch("SELECT state, tally FROM messages") == [(4, {})]
    assert f'"state":{int(MessageState.DONE)}'.encode() in found.answer


@pytest.mark.parametrize("room", [0, 2])
async def test_without_room_it_is_left_to_the_workers(db: Database, room: int):
    """A flood of single sends does not pile up in the process that took it."""
    app = await make_app(db)
    ids = await enrol(db, app, drawn_ids(3))
    engine = Engine(room)
    accepts = acceptor(db, engine)

    found = await together(*(accept(accepts, app, order(number)) for number in ids))

    assert {one.state for one in found} == {MessageState.SENDING}
    assert len(engine.taken) == room
    rows = await db.fetch("SELECT state, owner FROM chunks ORDER BY state")
    assert [tuple(row) for row in rows] == [(0, None)] * (3 - room) + [(1, 77)] * room


@pytest.mark.parametrize(
    "audience",
    [
        EVERYBODY,
        Audience(topics=parse_topics("sale")),
        Audience(subscriptions=(5,), topics=parse_topics("sale")),
        Audience(subscriptions=(5,), languages=("nl",)),
        Audience(subscriptions=(5,), channels=("stub",)),
        Audience(subscriptions=(5,), users=("anna",)),
    ],
)
async def test_whatever_needs_a_filter_is_planned_by_the_planner(db: Database, audience: Audience):
    """The short way is for plain names; selectors that are joined by AND are worked out in one place only."""
    app = await make_app(db)
    await enrol(db, app, [5], person="anna")
    engine = Engine()

    found = await accept(acceptor(db, engine), app, Order(content=CONTENT, audience=audience))

    assert (found.state, engine.taken) == (MessageState.SCHEDULED, [])


async def test_an_order_for_later_waits_and_one_without_an_engine_too(db: Database):
    """A time to send at, or a process that sends nothing: the rows are there, the work is not begun."""
    app = await make_app(db)
    (number,) = await enrol(db, app, drawn_ids(1))
    engine = Engine()
    at = datetime.now(UTC) + timedelta(hours=1)
    later = Order(content=CONTENT, audience=Audience(subscriptions=(number,)), due_at=at)

    scheduled = await accept(acceptor(db, engine), app, later)
    left = await accept(acceptor(db, None), app, order(number))

    assert (scheduled.state, left.state, engine.taken) == (0, 0, [])
    assert {row["due_at"] for row in await db.fetch("SELECT due_at FROM messages")} == {at, left.created_at}
