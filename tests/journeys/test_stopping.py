"""The emergency stop: all sending of an app ends within five seconds, and nothing that was accepted is lost."""

import asyncio
import time

from gateway.model.ids import to_text
from gateway.sandbox import Rule
from gateway.store import audit
from tests.journeys.world import Shop, World

MANY = 3_000
STOPPED_S = 5.0
SLOW = Rule(kind="delay", latency_ms=150, jitter_ms=100)


async def _stop(shop: Shop, reason: str = "") -> None:
    status, _, said = await shop.call("POST", f"/v1/apps/{_id(shop)}/stop", {"reason": reason})
    assert status == 200, said
    assert said["stopped"]["reason"] == reason


async def _start(shop: Shop) -> None:
    status, _, said = await shop.call("POST", f"/v1/apps/{_id(shop)}/resume")
    assert (status, said["stopped"]) == (200, None), said


def _id(shop: Shop) -> str:
    return to_text("app", shop.app.public_id)


async def _last_at_s(world: World, message: str) -> float:
    return max(entry.at for entry in await world.entries(message))


async def test_a_running_campaign_stops_within_five_seconds(world: World, shop: Shop):
    """What is on the wire ends, nothing else leaves; started again it goes on, and nobody gets it twice."""
    await shop.devices_quickly(MANY)
    world.faults(SLOW)
    message = await shop.send()
    await shop.came_to_ledger(message, 200)
    stopped_s = time.time()
    await _stop(shop, "wrong price")
    standing = await shop.at_rest(message)
    assert standing < MANY
    assert await _last_at_s(world, message) - stopped_s < STOPPED_S
    await asyncio.sleep(max(0.0, stopped_s + STOPPED_S - time.time()))
    assert len(await world.entries(message)) == standing
    said = await shop.message(message)
    assert (said["state"], said["counts"]["pending"]) == ("sending", MANY - standing)
    world.faults()
    await _start(shop)
    said = await shop.done(message)
    assert said["counts"]["sent"] == MANY
    reached = await shop.tokens_reached(message)
    assert len(reached) == len(set(reached)) == MANY


async def test_what_is_asked_during_a_stop_is_refused(world: World, shop: Shop):
    """A 409 that says why: taken now, it would all go out at once later. What was accepted before is answered again."""
    (device,) = await shop.devices(1)
    audience = {"subscriptions": [device.id]}
    order = {"audience": audience, "title": "Your order is on its way"}
    key = {"Idempotency-Key": "order-17"}
    _, _, first = await shop.call("POST", "/v1/messages", order, headers=key)
    await shop.done(first["id"])
    await _stop(shop)
    status, _, said = await shop.call("POST", "/v1/messages", order)
    assert (status, said["error"]["code"]) == (409, "app_stopped")
    status, headers, again = await shop.call("POST", "/v1/messages", order, headers=key)
    assert (status, headers["Idempotent-Replayed"], again) == (202, "true", first)
    _, _, batch = await shop.call("POST", "/v1/messages/batch", {"messages": [order]})
    assert (batch["refused"], batch["data"][0]["error"]["code"]) == (1, "app_stopped")
    status, _, _ = await shop.call("POST", "/v1/messages?dry_run=true", order)
    assert status == 200
    await _start(shop)
    assert (await shop.done(await shop.send(audience)))["counts"]["sent"] == 1


async def test_single_messages_wait_out_the_stop(world: World, shop: Shop):
    """A single message that waits for another try stays where it is, and goes out once the app is started again."""
    (device,) = await shop.devices(1, prefix="single-")
    world.faults(Rule(status=503, retry_after_s=20))
    message = await shop.send({"subscriptions": [device.id]})
    await shop.waits(message, 1)
    await _stop(shop)
    world.faults()
    await world.let_pass(200)
    await asyncio.sleep(1.0)
    assert (await shop.message(message))["counts"]["pending"] == 1
    await _start(shop)
    assert (await shop.done(message))["counts"]["sent"] == 1


async def test_a_stop_prolongs_no_message(world: World, shop: Shop):
    """What expired meanwhile is not sent afterwards, nor what was cancelled."""
    await shop.devices(3)
    world.faults(Rule(status=503, retry_after_s=20))
    late, unwanted = await shop.send(ttl=100), await shop.send()
    await shop.waits(late, 3)
    await shop.waits(unwanted, 3)
    await _stop(shop)
    status, _, _ = await shop.call("POST", f"/v1/messages/{unwanted}/cancel")
    assert status == 200
    world.faults()
    await world.let_pass(500)
    await _start(shop)
    assert (await shop.done(late))["counts"]["expired"] == 3
    assert (await shop.done(unwanted, state="cancelled"))["counts"]["cancelled"] == 3
    assert await shop.tokens_reached(late) == await shop.tokens_reached(unwanted) == []


async def test_another_shop_goes_on(world: World, shop: Shop):
    """A stop is one app's."""
    other = await world.shop()
    await other.devices(2)
    await _stop(shop)
    assert (await other.done(await other.send()))["counts"]["sent"] == 2


async def test_who_stopped_an_app_is_known(world: World, shop: Shop):
    """In the app's own answer while it stands, and in the log for ever. Stopping twice changes nothing."""
    await _stop(shop, "wrong price")
    status, _, said = await shop.call("POST", f"/v1/apps/{_id(shop)}/stop", {"reason": "me too"})
    assert (status, said["stopped"]["reason"]) == (200, "wrong price")
    _, _, said = await shop.call("GET", f"/v1/apps/{_id(shop)}")
    by = said["stopped"]["by"]
    assert by.startswith("key_")
    await _start(shop)
    await _start(shop)
    log = await audit.list_page(world.db, app_id=shop.app.id, before=None, limit=10)
    assert [(one.action, one.actor) for one in log if one.action != "app_created"][:2] == [
        ("app_started", by),
        ("app_stopped", by),
    ]
