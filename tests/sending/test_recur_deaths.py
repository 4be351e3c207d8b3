"""Whatever moment a planner dies at, each turn of a series becomes one message, planned once; none is left out."""

import itertools
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from gateway.model.app import App
from gateway.model.message import MessageState
from gateway.model.schedule import Recurring, Timing
from gateway.model.terms import Terms
from gateway.sending import plan
from gateway.store.database import Database
from tests.sending.mortal import Died, Fuse, mortal
from tests.sending.test_plan import finder
from tests.store.rows import add_message, drawn_ids, enrol, make_app

FIRST = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=1)
DAY = timedelta(days=1)
IDS = drawn_ids(3)
_DEATHS_MAX = 60
"""More things than planning a turn takes: it has to come to its end within so many."""


async def _series(db: Database, app: App, *, turns: int = 3) -> int:
    """A series that is due now, and each day after."""
    number = await add_message(db, app, state=MessageState.SCHEDULED, due_at=FIRST)
    recurring = Recurring(rule=f"FREQ=DAILY;COUNT={turns}", timezone="UTC", starts_at=FIRST, next_at=FIRST)
    terms = Terms(timing=Timing(recurring=recurring))
    await db.execute("UPDATE messages SET terms = $2 WHERE id = $1", number, msgspec.to_builtins(terms))
    return number


async def _plans(db: Database, app: App, *, now: datetime) -> None:
    """A planner that lives: rounds until nothing is due. What a dead one held is free once its lease has run out."""
    await db.execute("UPDATE messages SET lease_until = now() - interval '1 second' WHERE state = 1")
    for _ in range(5):
        if not await plan.plan_due(db, await finder(db, app), now=now):
            return
    pytest.fail("something stays due for ever")


async def _turns(db: Database, series: int) -> list[tuple[datetime, int, int]]:
    """When each message of the series is due, how many lists it was planned into, and for how many people."""
    rows = await db.fetch(
        """
        SELECT m.due_at, count(c.*)::int AS chunks, coalesce(sum(c.expected), 0)::int AS people
          FROM messages m LEFT JOIN chunks c ON c.app_id = m.app_id AND c.msg_id = m.id
         WHERE m.series = $1 GROUP BY m.id, m.due_at ORDER BY m.due_at
        """,
        series,
    )
    return [(row["due_at"], row["chunks"], row["people"]) for row in rows]


async def test_a_turn_is_made_and_planned_once_wherever_its_planner_dies(db: Database):
    """Before and after every statement and every commit on the way, in the first turn and in the next one."""
    survived, death = False, 0
    for death in itertools.count():
        assert death < _DEATHS_MAX
        app = await make_app(db)
        await enrol(db, app, IDS)
        series = await _series(db, app)
        app_of = await finder(db, app)
        fuse = Fuse(death)
        try:
            for turn in range(2):
                while await plan.plan_due(mortal(db, fuse), app_of, now=FIRST + turn * DAY):
                    continue
            survived = fuse.left > 0
        except Died:
            pass
        await _plans(db, app, now=FIRST)
        await _plans(db, app, now=FIRST + DAY)
        assert await _turns(db, series) == [(FIRST, 1, len(IDS)), (FIRST + DAY, 1, len(IDS))], f"death {death}"
        await db.execute("DELETE FROM messages; DELETE FROM chunks; DELETE FROM subscriptions")
        if survived:
            break
    assert death > 20, "it did not die often enough to prove anything"


async def test_two_planners_make_one_message_of_a_turn(db: Database):
    """One slept through its lease, another made the turn: what the sleeper does when it wakes comes to nothing."""
    app = await make_app(db)
    await enrol(db, app, IDS)
    series = await _series(db, app)
    app_of = await finder(db, app)

    async def late(app_id: int) -> App:
        """Between its claim and its work others have done it all."""
        await _plans(db, app, now=FIRST)
        return await app_of(app_id)

    assert await plan.plan_due(db, late, now=FIRST) == 1
    assert await _turns(db, series) == [(FIRST, 1, len(IDS))]


async def test_a_turn_that_nobody_made_in_time_is_left_out_and_the_next_one_comes(db: Database):
    """An outage of a day and a half: what is long past is not sent late, what is due now is, and nothing twice."""
    app = await make_app(db)
    await enrol(db, app, IDS)
    series = await _series(db, app)
    await _plans(db, app, now=FIRST + DAY + timedelta(minutes=30))
    assert await _turns(db, series) == [(FIRST + DAY, 1, len(IDS))]
