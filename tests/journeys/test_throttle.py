"""So many a minute: evenly, by all workers together, changed under way; and another time for what has not gone out."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.journeys.test_caps import another_worker
from tests.journeys.world import Shop, World


async def _change(shop: Shop, message: str, body: Any) -> dict[str, Any]:
    status, _, said = await shop.call("PATCH", f"/v1/messages/{message}", body)
    assert status == 200, said
    return said


async def _times(world: World, message: str) -> list[float]:
    return sorted(entry.at for entry in await world.entries(message))


async def test_a_message_flows_evenly(world: World, shop: Shop):
    """1,200 a minute are ten each half second, by two workers together: no more in any second, and hardly fewer."""
    await shop.devices_quickly(120)
    async with another_worker(world):
        message = await shop.send(limits={"per_minute": 1_200})
        assert (await shop.done(message))["counts"]["sent"] == 120
    times = await _times(world, message)
    assert 5.0 <= times[-1] - times[0] < 12.0
    fullest = max(sum(start <= at < start + 1.0 for at in times) for start in times)
    assert fullest <= 20 + 10 + 5, "a second's worth, a group, and what a busy machine delays"


async def test_a_slow_message_goes_one_by_one(world: World, shop: Shop):
    """Six a minute: one every ten seconds, and other messages do not wait for it."""
    await shop.devices(3)
    message = await shop.send(limits={"per_minute": 6})
    await shop.came_to(message, "sent", 1)
    assert (await shop.done(await shop.send()))["counts"]["sent"] == 3
    assert (await shop.message(message))["counts"]["sent"] == 1
    for already in (1, 2):
        assert (await shop.message(message))["counts"]["sent"] == already
        await world.let_pass(10)
        await shop.came_to(message, "sent", already + 1)
    assert (await shop.done(message))["counts"]["sent"] == 3


async def test_the_rate_is_changed_while_it_runs(world: World, shop: Shop):
    """From a trickle to as fast as it goes, within seconds; and `GET` says the rate."""
    await shop.devices_quickly(200)
    message = await shop.send(limits={"per_minute": 60})
    await shop.came_to(message, "sent", 1)
    said = await shop.message(message)
    assert (said["per_minute"], said["counts"]["sent"] < 20) == (60, True)
    assert (await _change(shop, message, {"limits": {"per_minute": None}}))["per_minute"] is None
    assert (await shop.done(message))["counts"]["sent"] == 200


async def test_a_message_is_slowed_down_while_it_runs(world: World, shop: Shop):
    """Also one that had no rate: what is under way goes, then it trickles."""
    await shop.devices_quickly(3_000)
    message = await shop.send(limits={"per_minute": 30_000})
    await shop.came_to(message, "sent", 1)
    await _change(shop, message, {"limits": {"per_minute": 60}})
    in_three_s = [3_000]
    while in_three_s[-1] > 6 and len(in_three_s) < 8:
        before = (await shop.message(message))["counts"]["sent"]
        await asyncio.sleep(3.0)
        in_three_s.append((await shop.message(message))["counts"]["sent"] - before)
    assert in_three_s[-1] <= 6, in_three_s
    assert (await shop.message(message))["counts"]["sent"] < 3_000


async def test_single_messages_keep_a_rate(world: World, shop: Shop):
    """A rate holds for named people as well, however few."""
    devices = await shop.devices(2)
    message = await shop.send({"subscriptions": [one.id for one in devices]}, limits={"per_minute": 6})
    await shop.came_to(message, "sent", 1)
    assert (await shop.message(message))["counts"]["pending"] == 1
    await world.let_pass(10)
    assert (await shop.done(message))["counts"]["sent"] == 2


async def test_an_expired_message_is_not_throttled(world: World, shop: Shop):
    """What is too late is said of all at once: there is nothing to slow down."""
    await shop.devices(5)
    message = await shop.send(limits={"per_minute": 6}, ttl=100)
    await shop.came_to(message, "sent", 1)
    await world.let_pass(200)
    assert (await shop.done(message))["counts"]["expired"] == 4


async def test_what_has_not_gone_out_is_put_off(world: World, shop: Shop):
    """A scheduled message gets another time, and so does the rest of one that is under way."""
    await shop.devices(3)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    scheduled = await shop.send(schedule={"at": tomorrow.isoformat()})
    said = await _change(shop, scheduled, {"schedule": {"at": (datetime.now(UTC) + timedelta(seconds=1)).isoformat()}})
    assert said["state"] == "scheduled"
    assert (await shop.done(scheduled))["counts"]["sent"] == 3

    running = await shop.send(limits={"per_minute": 6}, ttl=3_600)
    await shop.came_to(running, "sent", 1)
    said = await _change(shop, running, {"schedule": {"at": tomorrow.isoformat()}, "limits": {"per_minute": None}})
    assert datetime.fromisoformat(said["expires_at"]) == tomorrow + timedelta(hours=1)
    await asyncio.sleep(3.0)
    assert (await shop.message(running))["counts"]["pending"] == 2
    await world.let_pass(86_400)
    assert (await shop.done(running))["counts"]["sent"] == 3


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"limits": {"per_minute": 0}}, "limits.per_minute"),
        ({"limits": {"per_minute": "fast"}}, "limits.per_minute"),
        ({"limits": {"per_hour": 1}}, "limits.per_hour"),
        ({"schedule": {"at": "2020-01-01T00:00:00Z"}}, "schedule.at"),
        ({"schedule": {"at": "2120-01-01T00:00:00Z"}}, "schedule.at"),
        ({"schedule": {}}, "schedule"),
        ({"title": "other"}, "title"),
    ],
)
async def test_changes_that_cannot_be_are_refused(world: World, shop: Shop, body: Any, param: str):
    """With the path of the fault; and nothing of a message that has ended can be changed."""
    message = await shop.send()
    await shop.done(message)
    status, _, said = await shop.call("PATCH", f"/v1/messages/{message}", body)
    assert (status, (said["error"]["param"] or "").startswith(param)) == (422, True), said
    status, _, said = await shop.call("PATCH", f"/v1/messages/{message}", {"limits": {"per_minute": 9}})
    assert (status, said["error"]["code"]) == (409, "state_conflict")
