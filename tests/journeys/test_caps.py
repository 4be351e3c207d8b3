"""Frequency caps: nobody gets more than the shop, or they themselves, allow; counted per person, exact on a device."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from gateway import app as composition
from gateway.app import Place
from gateway.delivery.board import LaneBoard
from gateway.model.ids import to_text
from gateway.sandbox import Rule
from tests.journeys.world import Device, Shop, World

DAILY = [{"per": "P1D", "max": 1, "category": "marketing"}]
DAY_S = 86_400
LONG = 3 * DAY_S


async def _capped(shop: Shop, caps: Any) -> None:
    path = f"/v1/apps/{to_text('app', shop.app.public_id)}"
    status, _, said = await shop.call("PATCH", path, {"settings": {"caps": caps}})
    assert status == 200, said


@asynccontextmanager
async def another_worker(world: World, *, groups: int = 4) -> AsyncGenerator[None]:
    """A second worker process, as far as the database can tell."""
    stop = asyncio.Event()
    place = Place(role="worker", process_id=44, predecessor=None, pid=44)
    settings = msgspec.structs.replace(world.base.settings, groups_in_flight=groups)
    board = LaneBoard(world.db, clock=world.clock.monotonic_s)
    base = msgspec.structs.replace(world.base, place=place, settings=settings, clock=world.clock, board=board)
    running = asyncio.create_task(composition.serve_worker(base, stop))
    try:
        yield
    finally:
        stop.set()
        await running


async def _spread(shop: Shop, over: int) -> None:
    """The app's devices will lie in so many buckets."""
    await shop.world.db.execute("UPDATE apps SET spread = $2 WHERE id = $1", shop.app.id, over)
    shop.world.base.keyring.forget(shop.app)


@pytest.mark.parametrize("buckets", [1, 8])
async def test_two_campaigns_at_the_same_instant_never_break_a_cap(world: World, shop: Shop, buckets: int):
    """To the same 10,000 people, by two workers, with a cap of one a day: exactly 10,000 messages leave."""
    people = 10_000
    await _spread(shop, buckets)
    await shop.devices_quickly(people)
    await _capped(shop, DAILY)
    async with another_worker(world):
        first, second = await asyncio.gather(shop.send(), shop.send())
        said = [await shop.done(message, within_s=120) for message in (first, second)]
    sent = [one["counts"]["sent"] for one in said]
    assert sum(sent) == people
    assert sum(one["skipped_by"].get("capped", 0) for one in said) == people
    reached = Counter(await shop.tokens_reached(first) + await shop.tokens_reached(second))
    assert (len(reached), max(reached.values())) == (people, 1)


async def test_a_second_message_of_the_day_is_dropped(world: World, shop: Shop):
    """Who has had one gets no other, and is told so; whoever did not get the first one gets the second."""
    had, fresh = await shop.devices(2)
    await _capped(shop, DAILY)
    await shop.done(await shop.send({"subscriptions": [had.id]}, category="marketing"))
    message = await shop.send()
    said = await shop.done(message)
    assert (said["counts"]["sent"], said["skipped_by"]) == (1, {"capped": 1})
    assert await shop.end_of(message, had) == ("skipped", "capped")
    assert await shop.end_of(message, fresh) == ("sent", None)


async def test_a_window_rolls(world: World, shop: Shop):
    """A day after the last one, not at midnight, there is room again."""
    (device,) = await shop.devices(1)
    await _capped(shop, DAILY)
    await shop.done(await shop.send(ttl=LONG))
    await world.let_pass(DAY_S - 600)
    assert (await shop.done(await shop.send(ttl=LONG)))["skipped_by"] == {"capped": 1}
    await world.let_pass(601)
    assert (await shop.done(await shop.send(ttl=LONG)))["counts"]["sent"] == 1
    assert await shop.is_kept(device)


async def test_a_message_may_wait_for_room(world: World, shop: Shop):
    """`defer`: it comes when the window frees, once; and not at all where that is after its end."""
    (device,) = await shop.devices(1)
    await _capped(shop, DAILY)
    await shop.done(await shop.send())
    waiting = await shop.send(ttl=LONG, limits={"on_cap": "defer"})
    await shop.waits(waiting, 1)
    too_late = await shop.send(ttl=3600, limits={"on_cap": "defer"})
    assert (await shop.done(too_late))["skipped_by"] == {"capped": 1}
    assert await shop.tokens_reached(waiting) == []
    await world.let_pass(DAY_S + 61)
    assert (await shop.done(waiting))["counts"]["sent"] == 1
    assert await shop.tokens_reached(waiting) == [device.token]


async def test_orders_are_exempt(world: World, shop: Shop):
    """Transactional messages go out whatever was sent, and use nothing up; `cap: ignore` goes out and counts."""
    (device,) = await shop.devices(1)
    await _capped(shop, DAILY)
    for _ in range(3):
        assert (await shop.done(await shop.send({"subscriptions": [device.id]})))["counts"]["sent"] == 1
    assert (await shop.done(await shop.send(limits={"cap": "ignore"})))["counts"]["sent"] == 1
    assert (await shop.done(await shop.send({"subscriptions": [device.id]})))["counts"]["sent"] == 1
    await asyncio.sleep(1.1)  # what was sent past caps is heard of within a second
    assert (await shop.done(await shop.send()))["skipped_by"] == {"capped": 1}


async def test_a_cap_may_count_every_message(world: World, shop: Shop):
    """Without a category orders count as well; they are never held back themselves."""
    (device,) = await shop.devices(1)
    await _capped(shop, [{"per": "P1D", "max": 2}])
    for _ in range(3):
        assert (await shop.done(await shop.send({"subscriptions": [device.id]})))["counts"]["sent"] == 1
    assert (await shop.done(await shop.send()))["skipped_by"] == {"capped": 1}


async def test_a_try_of_its_own_caps_nobody(world: World, shop: Shop):
    """Who waits for another try of the same message gets it; a try that reached nobody uses nothing up."""
    devices = await shop.devices(3, prefix="again-")
    await _capped(shop, DAILY)
    world.faults(Rule(status=503, retry_after_s=20, token_prefix=devices[0].token))
    first = await shop.send()
    await shop.waits(first, 1)
    second = await shop.send(ttl=LONG)
    await shop.waits(second, 1)
    world.faults()
    await world.let_pass(200)
    sent = [(await shop.done(message))["counts"]["sent"] for message in (first, second)]
    assert sum(sent) == 3
    reached = Counter(await shop.tokens_reached(first) + await shop.tokens_reached(second))
    assert max(reached.values()) == 1


async def _two_devices_of(shop: Shop, user: str) -> list[Device]:
    """Two devices of one person, in different buckets, that know of each other."""
    await _spread(shop, 64)
    devices = await shop.devices(6, lines=[{"user": user}] * 6)
    await shop.world.db.execute(
        "UPDATE subscriptions SET facts = coalesce(facts, '{}'::jsonb) || '{\"devices\": 6}' WHERE app_id = $1",
        shop.app.id,
    )
    buckets = {
        row["id"]: row["bucket"]
        for row in await shop.world.db.fetch("SELECT id, bucket FROM subscriptions WHERE app_id = $1", shop.app.id)
    }
    other = next(one for one in devices[1:] if buckets[one.number] != buckets[devices[0].number])
    return [devices[0], other]


async def test_people_are_counted_not_devices(world: World, shop: Shop):
    """A campaign on all devices of a person counts once; one on a single device counts for all of them."""
    one, other = await _two_devices_of(shop, "cust-17")
    await _capped(shop, [{"per": "P1D", "max": 2}])
    said = await shop.done(await shop.send())
    assert said["counts"]["sent"] == 6
    only_one = await shop.send({"subscriptions": [one.id]}, category="marketing")
    assert (await shop.done(only_one))["counts"]["sent"] == 1
    await asyncio.sleep(1.1)  # the lag of a person's other devices
    third = await shop.send({"subscriptions": [other.id]}, category="marketing")
    assert (await shop.done(third))["skipped_by"] == {"capped": 1}


async def test_people_choose_for_themselves(world: World, shop: Shop):
    """`push_caps` of a person holds beside the app's caps, whichever is stricter, once the app has caps at all."""
    modest, other = await shop.devices(2)
    await world.db.execute(
        "UPDATE subscriptions SET facts = $2 WHERE id = $1", modest.number, {"attributes": {"push_caps": "1/P7D"}}
    )
    await _capped(shop, [])
    await shop.done(await shop.send())
    second = await shop.send()
    assert (await shop.done(second))["skipped_by"] == {"capped": 1}
    assert await shop.tokens_reached(second) == [other.token]


async def test_without_caps_nobody_is_counted(world: World, shop: Shop):
    """Caps are off until an app sets some, and off again when it takes them back; what was sent before counts."""
    await shop.devices(1)
    for _ in range(2):
        assert (await shop.done(await shop.send()))["counts"]["sent"] == 1
    await _capped(shop, DAILY)
    assert (await shop.done(await shop.send()))["counts"]["sent"] == 0
    await _capped(shop, None)
    assert (await shop.done(await shop.send()))["counts"]["sent"] == 1


@pytest.mark.parametrize(
    ("caps", "param"),
    [
        ([{"per": "P1M", "max": 1}], "settings.caps"),
        ([{"per": "P1D", "max": 0}], "settings.caps[0].max"),
        ([{"per": "P1D"}], "settings.caps[0].max"),
        ([{"per": "P1D", "max": 1, "category": "transactional"}], "settings.caps[0].category"),
        ([{"per": "P1D", "max": 1, "color": "red"}], "settings.caps[0].color"),
        ([{"per": "P1D", "max": 1}] * 11, "settings.caps"),
        ("1/P1D", "settings.caps"),
    ],
)
async def test_caps_that_cannot_be_are_refused(world: World, shop: Shop, caps: Any, param: str):
    """With the path of the fault, and nothing changed."""
    path = f"/v1/apps/{to_text('app', shop.app.public_id)}"
    status, _, said = await shop.call("PATCH", path, {"settings": {"caps": caps}})
    assert (status, said["error"]["param"]) == (422, param), said
    _, _, said = await shop.call("GET", path)
    assert said["settings"]["caps"] is None


async def test_orders_do_not_choose_what_caps_do(world: World, shop: Shop):
    """`on_cap` means nothing for a message that is under no cap, and is refused rather than passed over."""
    body = {"audience": {"users": ["a"]}, "title": "x", "limits": {"on_cap": "defer"}}
    status, _, said = await shop.call("POST", "/v1/messages", body)
    assert (status, said["error"]["param"]) == (422, "limits.on_cap")
