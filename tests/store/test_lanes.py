"""Lanes that stand, as processes tell each other: news is told once, and times are the database's."""

from datetime import timedelta

from gateway.store import lanes
from gateway.store.database import Database

PARKED, STOPPED = 1, 2
APPLE = "https://web.push.example"


async def stop(db: Database, *, state: int = STOPPED, reason: str = "vapid_refused", for_s: float = 60) -> bool:
    return await lanes.stop(db, app_id=1, credential_id=2, origin=APPLE, state=state, reason=reason, for_s=for_s)


async def left_s(db: Database) -> float:
    at, (row,) = await lanes.standing(db)
    return (row.until - at) / timedelta(seconds=1)


async def test_a_lane_that_stops_is_news_once(db: Database):
    """One alarm, however many processes find out and however often."""
    assert await stop(db)
    assert not await stop(db)
    assert not await stop(db, for_s=600)


async def test_another_reason_or_state_is_news_again(db: Database):
    """First the service was throttling, now it refuses our key: that has to be said."""
    assert await stop(db, state=PARKED, reason="throttled")
    assert await stop(db, state=STOPPED, reason="throttled")
    assert await stop(db, state=STOPPED, reason="vapid_refused")


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

    assert await lanes.clear(db, app_id=1, credential_id=2, origin=APPLE)
    assert not await lanes.clear(db, app_id=1, credential_id=2, origin=APPLE)
    assert (await lanes.standing(db))[1] == []
    assert await stop(db)


async def test_lanes_are_told_apart_by_app_credential_and_service(db: Database):
    """A key that is refused at one service goes on at the others."""
    await stop(db)
    await lanes.stop(db, app_id=1, credential_id=2, origin="", state=PARKED, reason="throttled", for_s=1)
    await lanes.stop(db, app_id=1, credential_id=3, origin=APPLE, state=PARKED, reason="throttled", for_s=1)
    await lanes.stop(db, app_id=9, credential_id=2, origin=APPLE, state=PARKED, reason="throttled", for_s=1)

    await lanes.clear(db, app_id=1, credential_id=2, origin=APPLE)

    _, rows = await lanes.standing(db)
    assert {(row.app_id, row.credential_id, row.origin) for row in rows} == {(1, 2, ""), (1, 3, APPLE), (9, 2, APPLE)}
