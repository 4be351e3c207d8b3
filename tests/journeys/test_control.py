"""Pause, resume, cancel, later: what the shop says after sending, and figures that stay exact."""

import asyncio
from datetime import timedelta

from gateway.sandbox import Rule
from tests.journeys.test_devices import paused_after_planning
from tests.journeys.world import Shop, World

MANY = 1_200
SLOW = Rule(kind="delay", latency_ms=150, jitter_ms=100)


async def half_sent(shop: Shop) -> str:
    """A message to many, under way."""
    await shop.devices_quickly(MANY)
    shop.world.faults(SLOW)
    message = await shop.send()
    await shop.came_to_ledger(message, 200)
    return message


async def test_cancel_in_the_middle(world: World, shop: Shop):
    """Groups under way are finished, nothing else goes out; everybody is either reached or cancelled."""
    message = await half_sent(shop)
    status, _, said = await shop.call("POST", f"/v1/messages/{message}/cancel")
    assert (status, said["state"]) == (200, "cancelled")
    said = await shop.done(message, state="cancelled")
    counts = said["counts"]
    assert counts["audience"] == counts["sent"] + counts["cancelled"] == MANY
    assert counts["cancelled"] > 0
    reached = await shop.tokens_reached(message)
    assert len(reached) == len(set(reached)) == counts["sent"]
    await asyncio.sleep(0.6)
    assert len(await shop.tokens_reached(message)) == counts["sent"]
    again, _, _ = await shop.call("POST", f"/v1/messages/{message}/cancel")
    assert again == 200


async def test_pause_and_resume_in_the_middle(world: World, shop: Shop):
    """Paused, it stands still; resumed, it goes on where it stopped, and nobody gets it twice."""
    message = await half_sent(shop)
    status, _, said = await shop.call("POST", f"/v1/messages/{message}/pause")
    assert (status, said["state"]) == (200, "paused")
    standing = await shop.at_rest(message)
    assert 0 < standing < MANY
    assert (await shop.message(message))["counts"]["pending"] == MANY - standing
    world.faults()
    status, _, _ = await shop.call("POST", f"/v1/messages/{message}/resume")
    assert status == 200
    said = await shop.done(message)
    assert said["counts"]["sent"] == MANY
    reached = await shop.tokens_reached(message)
    assert len(reached) == len(set(reached)) == MANY


async def test_who_waits_for_another_try_is_cancelled_too(world: World, shop: Shop):
    """G5: a cancelled message is not tried again, also for those whose group was under way when it was cancelled."""
    devices = await shop.devices(4, prefix="cancel-")
    last = devices[-1]
    world.faults(
        Rule(kind="delay", latency_ms=700),
        *(Rule(status=503, retry_after_s=20, token_prefix=one.token) for one in devices if one is not last),
    )
    message = await shop.send()
    await shop.under_way(message)
    await shop.call("POST", f"/v1/messages/{message}/cancel")
    said = await shop.done(message, state="cancelled")
    world.faults()
    await world.let_pass(200)
    await asyncio.sleep(1.0)
    assert said["counts"]["cancelled"] == len(devices) - 1
    assert await shop.tokens_reached(message) == [last.token]


async def test_a_paused_message_expires(world: World, shop: Shop):
    """A pause does not prolong a message's life: nobody wants yesterday's news."""
    await shop.devices(3)
    world.faults(Rule(status=503, retry_after_s=20))
    message = await shop.send(ttl=100)
    await shop.waits(message, 3)
    await shop.call("POST", f"/v1/messages/{message}/pause")
    world.faults()
    await world.let_pass(500)
    await shop.call("POST", f"/v1/messages/{message}/resume")
    said = await shop.done(message)
    assert said["counts"]["expired"] == 3
    assert await shop.tokens_reached(message) == []


async def test_a_paused_message_sends_nothing(world: World, shop: Shop):
    """Also what waits for another try stays, until it is resumed."""
    await shop.devices(3)
    message = await paused_after_planning(shop)
    await asyncio.sleep(0.8)
    assert await shop.tokens_reached(message) == []
    await shop.call("POST", f"/v1/messages/{message}/resume")
    assert (await shop.done(message))["counts"]["sent"] == 3


async def test_a_message_for_later_leaves_on_time(world: World, shop: Shop):
    """Scheduled, nothing leaves before its time; cancelled before, nothing ever does."""
    await shop.devices(2)
    at = world.base.clock.now() + timedelta(seconds=2)
    message = await shop.send(schedule={"at": at.isoformat()})
    never = await shop.send(schedule={"at": (at + timedelta(hours=1)).isoformat()})
    assert (await shop.message(message))["state"] == "scheduled"
    await asyncio.sleep(1)
    assert await shop.tokens_reached(message) == []
    await shop.call("POST", f"/v1/messages/{never}/cancel")
    assert (await shop.done(message))["counts"]["sent"] == 2
    assert min(entry.at for entry in await world.entries(message)) >= at.timestamp()
    assert (await shop.done(never, state="cancelled"))["counts"]["audience"] == 0


async def test_what_is_done_cannot_be_cancelled(shop: Shop):
    """A 409 says so."""
    await shop.devices(1)
    message = await shop.send()
    await shop.done(message)
    status, _, said = await shop.call("POST", f"/v1/messages/{message}/cancel")
    assert (status, said["error"]["code"]) == (409, "state_conflict")
