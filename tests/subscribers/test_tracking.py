"""Events of one moment are written together, and nobody pays for what is wrong with somebody else's."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from gateway.model.app import App
from gateway.model.errors import StoreUnavailable
from gateway.store import partitions
from gateway.store.database import Database
from gateway.subscribers.events import DeviceEventFields, EventFields, device_event_of, event_of
from gateway.subscribers.tracking import Taken, Tracker
from tests.subscribers.house import House

_NOW = datetime.now(UTC)


@pytest.fixture
async def tracker(house: House) -> AsyncIterator[Tracker]:
    """On a pool that soon gives up waiting for a lock."""
    await partitions.ensure(house.database, today=_NOW.date())
    pool = await Database.open(house.database.dsn, statement_timeout_s=0.5)
    made = Tracker(pool)
    yield made
    await made.aclose()
    await pool.close()


async def _told(tracker: Tracker, app: App, user: str) -> Taken:
    return await tracker.take(app, [event_of(EventFields(name="visit", user=user), now=_NOW)])


@pytest.mark.parametrize("users", [("bob", "ada"), ("ada", "bob")])
async def test_an_app_that_cannot_be_written_holds_back_no_other(
    house: House, tracker: Tracker, users: tuple[str, str]
):
    """Its server hears 503 and tells it again; the other's is told the truth, or it would count twice."""
    stuck = await house.other_app()
    await _told(tracker, stuck, "bob")
    apps = {"ada": house.app, "bob": stuck}
    async with house.database.transaction() as tx:
        await tx.execute("UPDATE persons SET changed_at = now() WHERE app_id = $1 AND person = 'bob'", stuck.id)
        told = await asyncio.gather(*(_told(tracker, apps[user], user) for user in users), return_exceptions=True)
    ends = dict(zip(users, told, strict=True))
    assert ends["ada"] == Taken(1, 0)
    assert isinstance(ends["bob"], StoreUnavailable)


async def test_a_device_that_cannot_be_written_holds_back_no_people(house: House, tracker: Tracker):
    """What the shop's server told in the same moment is committed, and its server hears that it is."""
    device = await house.enrol()
    event = device_event_of(DeviceEventFields(name="scroll"), now=_NOW)
    async with house.database.transaction() as tx:
        await tx.execute("UPDATE subscriptions SET seen_at = now() WHERE app_id = $1", house.app.id)
        told = await asyncio.gather(
            tracker.take_from(house.app, device.id, device.secret, [event]),
            _told(tracker, house.app, "ada"),
            return_exceptions=True,
        )
    assert isinstance(told[0], StoreUnavailable)
    assert told[1] == Taken(1, 0)
