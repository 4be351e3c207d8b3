"""Lanes that stand or are slowed, as processes tell each other: news is told once, and times are the database's."""

from datetime import timedelta

import pytest

from gateway.model.ids import new_id
from gateway.store import lanes
from gateway.store.database import Database
from gateway.store.lanes import Slowed, Told

PARKED, STOPPED = 1, 2
APPLE = "https://web.push.example"
NEWS, NO_NEWS = Told(is_news=True, is_alarm=False), Told(is_news=False, is_alarm=False)
HALVED = Slowed(50.0, 100.0, 100.0, 0.0)


async def stop(
    db: Database,
    *,
    state: int = STOPPED,
    reason: str = "vapid_refused",
    for_s: float = 60,
    slowed: Slowed | None = None,
    is_limited: bool = False,
) -> Told:
    return await lanes.tell(
        db, app_id=1, credential_id=2, origin=APPLE, state=state, reason=reason, for_s=for_s, slowed=slowed,
        is_limited=is_limited,
    )  # fmt: skip


async def clear(db: Database) -> bool:
    return await lanes.clear(db, app_id=1, credential_id=2, origin=APPLE)


async def the_row(db: Database) -> lanes.LaneRow:
    (row,) = (await lanes.standing(db))[1]
    return row


async def left_s(db: Database) -> float:
    at, (row,) = await lanes.standing(db)
    return (row.until - at) / timedelta(seconds=1)


async def test_a_lane_that_stops_is_news_once(db: Database):
    """One alarm, however many processes find out and however often."""
    assert await stop(db) == NEWS
    assert await stop(db) == NO_NEWS
    assert await stop(db, for_s=600) == NO_NEWS


async def test_another_reason_or_state_is_news_again(db: Database):
    """First the service was throttling, now it refuses our key: that has to be said."""
    assert await stop(db, state=PARKED, reason="throttled") == NEWS
    assert await stop(db, state=STOPPED, reason="throttled") == NEWS
    assert await stop(db, state=STOPPED, reason="vapid_refused") == NEWS


async def test_the_longest_wait_holds(db: Database):
    """A process that knows less does not shorten what another one was told."""
    await stop(db, for_s=600)
    await stop(db, for_s=5)
    assert 590 < await left_s(db) <= 600

    await stop(db, for_s=1200)
    assert 1190 < await left_s(db) <= 1200


async def test_a_lane_that_runs_again_is_cleared_once_and_may_stop_anew(db: Database):
    """After a success it is as if nothing had been, and the next stop is news."""
    await stop(db)

    assert await clear(db)
    assert not await clear(db)
    assert (await lanes.standing(db))[1] == []
    assert await stop(db) == NEWS


async def test_lanes_are_told_apart_by_app_credential_and_service(db: Database):
    """A key that is refused at one service goes on at the others."""
    await stop(db)
    for app_id, credential_id, origin in ((1, 2, ""), (1, 3, APPLE), (9, 2, APPLE)):
        await lanes.tell(
            db, app_id=app_id, credential_id=credential_id, origin=origin, state=PARKED, reason="throttled", for_s=1
        )

    await clear(db)

    _, rows = await lanes.standing(db)
    assert {(row.app_id, row.credential_id, row.origin) for row in rows} == {(1, 2, ""), (1, 3, APPLE), (9, 2, APPLE)}


# --- rates ------------------------------------------------------------------------------------------------------------


async def test_a_rate_outlives_the_standstill(db: Database):
    """The lane runs again, slowed; a process that did not know of the rate does not wipe it out."""
    await stop(db, state=PARKED, reason="throttled", slowed=HALVED)

    assert await clear(db)

    row = await the_row(db)
    assert (row.state, row.reason, row.slowed is not None) == (lanes.RUNNING, "throttled", True)
    assert await left_s(db) <= 0
    assert not await clear(db)


async def test_a_lane_that_runs_slowed_is_not_to_be_waited_for(db: Database):
    """The version before this one takes the row for a standstill that is over."""
    await stop(db, state=PARKED, reason="throttled", for_s=600, slowed=HALVED)
    await stop(db, state=lanes.RUNNING, reason="throttled", for_s=0, slowed=HALVED)
    assert await left_s(db) <= 0


async def test_the_later_of_two_falls_holds_with_the_highest_peak(db: Database):
    """Two processes met the same storm: what is known last is true, what the service once bore stays known."""
    await stop(db, slowed=Slowed(50.0, 100.0, 400.0, -5.0))
    await stop(db, slowed=Slowed(80.0, 160.0, 160.0, -9.0))
    row = await the_row(db)
    assert row.slowed is not None
    assert (row.slowed.rate, row.slowed.before, row.slowed.peak) == (50, 100, 400)
    assert row.slowed.in_s == pytest.approx(-5, abs=1)

    await stop(db, slowed=Slowed(25.0, 50.0, 50.0, 30.0))
    row = await the_row(db)
    assert row.slowed is not None
    assert (row.slowed.rate, row.slowed.before, row.slowed.peak) == (25, 50, 400)
    assert row.slowed.in_s == pytest.approx(30, abs=1)


async def test_a_standstill_for_another_reason_keeps_the_rate(db: Database):
    """Throttled first, then unreachable: when it is back it still wants less."""
    await stop(db, state=PARKED, reason="throttled", slowed=HALVED)
    await stop(db, state=PARKED, reason="unreachable")
    row = await the_row(db)
    assert row.slowed is not None
    assert row.slowed.rate == 50


async def test_a_limited_key_is_an_alarm_once(db: Database):
    """Whatever the lane does meanwhile; once the limit has gone, the next one is news again."""
    said = [await stop(db, state=state, reason="site_limited", slowed=HALVED, is_limited=True) for state in (1, 0, 1)]
    assert [told.is_alarm for told in said] == [True, False, False]
    assert (await the_row(db)).limited_at is not None

    await db.execute("DELETE FROM lanes")
    assert (await stop(db, slowed=HALVED, is_limited=True)).is_alarm


@pytest.mark.parametrize(("state", "in_s", "is_kept"), [(0, -600.0, False), (0, -1.0, True), (1, -600.0, True)])
async def test_a_rate_that_has_grown_back_is_forgotten(db: Database, state: int, in_s: float, *, is_kept: bool):
    """Not while the lane stands, and not when it has been slowed anew a moment ago."""
    await stop(db, state=state, slowed=Slowed(50.0, 100.0, 100.0, in_s))
    await lanes.lift(db, app_id=1, credential_id=2, origin=APPLE)
    assert bool((await lanes.standing(db))[1]) == is_kept


# --- what people see --------------------------------------------------------------------------------------------------


async def with_app(db: Database, app_id: int, key: int) -> None:
    """An app with one key, number 2."""
    await db.execute(
        "INSERT INTO apps (id, public_id, name, home, subject) VALUES ($1, $2, $3, 0, 'mailto:a@b.example')",
        app_id,
        new_id(),
        f"shop {app_id}",
    )
    await db.execute(
        """
        INSERT INTO credentials (app_id, id, public_id, provider, is_current, public, sealed)
        VALUES ($1, 2, $2, 'stub', true, '{}', '')
        """,
        app_id, key,
    )  # fmt: skip


async def test_a_page_shows_one_app_s_lanes_or_all(db: Database):
    """With the key's own name; what is stopped comes first."""
    await with_app(db, 1, 101)
    await with_app(db, 9, 909)
    await stop(db, state=PARKED, reason="throttled")
    await lanes.tell(db, app_id=1, credential_id=7, origin=APPLE, state=STOPPED, reason="tls", for_s=1)
    await lanes.tell(db, app_id=9, credential_id=2, origin=APPLE, state=PARKED, reason="throttled", for_s=1)

    _, own = await lanes.list_page(db, app_id=1, skip=0, limit=10)
    _, everybody_s = await lanes.list_page(db, app_id=None, skip=0, limit=10)
    _, second_page = await lanes.list_page(db, app_id=None, skip=2, limit=10)

    assert [(shown.lane.state, shown.key, shown.provider) for shown in own] == [(2, None, None), (1, 101, "stub")]
    assert {shown.lane.app_id for shown in everybody_s} == {1, 9}
    assert second_page == everybody_s[2:]


async def test_an_operator_frees_the_lanes_of_one_key_at_one_service(db: Database):
    """And no others."""
    await with_app(db, 1, 101)
    await with_app(db, 9, 909)
    await stop(db)
    await lanes.tell(db, app_id=9, credential_id=2, origin=APPLE, state=STOPPED, reason="tls", for_s=1)

    assert await lanes.resume(db, app_id=1, key=909, origins=[APPLE]) == 0
    assert await lanes.resume(db, app_id=1, key=101, origins=["https://elsewhere.example"]) == 0
    assert await lanes.resume(db, app_id=1, key=101, origins=["", APPLE]) == 1
    assert [row.app_id for row in (await lanes.standing(db))[1]] == [9]
