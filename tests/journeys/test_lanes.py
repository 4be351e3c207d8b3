"""A service or a key in trouble: its lane stands, everybody else goes on, nobody is dropped, nothing is lost."""

import asyncio
from urllib.parse import urlsplit

import msgspec
import pytest

from gateway.sandbox import Rule
from tests.chaos.processes import until
from tests.journeys.test_statuses import APPLE, GOOGLE, MOZILLA
from tests.journeys.world import STRANGER, Shop, World

DEVICES = 120
STORM = 300
STOPPED = 2


@pytest.mark.parametrize("status", [401, 403])
async def test_a_wrong_key_costs_no_subscriber(
    world: World, shop: Shop, status: int, capsys: pytest.CaptureFixture[str]
):
    """F30: every push is refused for our key. The lane stops, the operator is told once, nobody is dropped.

    When the service accepts again, everybody gets the message, once.
    """
    devices = await shop.devices(DEVICES, prefix="key-")
    world.faults(Rule(status=status, token_prefix="key-"))
    message = await shop.send()
    await shop.waits(message, DEVICES)
    await until("the lane is stopped for all processes", lambda: lane_state(shop), within_s=5)
    for _ in range(3):
        await world.let_pass(200)
        await shop.waits(message, DEVICES)
    said = await shop.message(message)
    assert said["counts"]["pending"] == DEVICES
    assert all([await shop.is_kept(device) for device in devices[:: DEVICES // 10]])
    assert await kept(shop) == DEVICES
    said = [line for line in capsys.readouterr().out.splitlines() if "lane_stopped" in line]
    assert len([line for line in said if f"app={shop.app.id} " in f"{line} "]) == 1, said
    world.faults()
    for _ in range(6):
        await world.let_pass(1000)
        if (await shop.came_to_or_not(message, "sent", DEVICES, within_s=4))["counts"]["sent"] == DEVICES:
            break
    said = await shop.done(message)
    assert said["counts"]["sent"] == DEVICES
    reached = await shop.tokens_reached(message)
    assert len(reached) == len(set(reached)) == DEVICES
    assert await kept(shop) == DEVICES


async def test_who_waits_for_a_stopped_key_goes_when_it_is_resumed(world: World, shop: Shop):
    """The operator mends the key and resumes the lane: everybody goes within seconds, however long put off."""
    devices = await shop.devices(DEVICES, prefix="mended-")
    world.faults(Rule(status=403, token_prefix="mended-"))
    message = await shop.send()
    await until("the lane is stopped for all processes", lambda: lane_state(shop), within_s=10)
    await shop.waits(message, DEVICES)
    assert await soonest_s(shop) > 30, "nothing is proved: they would have gone by themselves"
    world.faults()
    await resume(shop, urlsplit(devices[0].endpoint).netloc)
    assert (await shop.done(message, within_s=15))["counts"]["sent"] == DEVICES
    reached = await shop.tokens_reached(message)
    assert len(reached) == len(set(reached)) == DEVICES


async def test_a_resume_wakes_nobody_who_waits_for_something_else(world: World, shop: Shop):
    """Neither a device whose service asked to come again later, nor those who wait for another service."""
    await shop.devices(30, host=MOZILLA)
    tired = await shop.devices(3, host=APPLE)
    await shop.devices(3, host=GOOGLE)
    world.faults(
        Rule(status=403, host=MOZILLA),
        Rule(status=429, retry_after_s=600, host=APPLE),
        Rule(status=503, retry_after_s=600, host=GOOGLE),
    )
    message = await shop.send()
    await shop.waits(message, 36)
    await until("two lanes stand", lambda: stand(shop, 2), within_s=10)
    world.faults()
    await resume(shop, MOZILLA)
    await shop.came_to(message, "sent", 30, within_s=15)
    await asyncio.sleep(2.5)  # the rounds in which everybody is looked for
    assert (await shop.message(message))["counts"]["pending"] == 6
    await resume(shop, GOOGLE)
    await shop.came_to(message, "sent", 33, within_s=15)
    assert not {one.token for one in tired} & set(await shop.tokens_reached(message))


async def resume(shop: Shop, host: str) -> None:
    """The operator says that this service is to be tried again."""
    status, _, said = await shop.call("POST", "/v1/lanes/resume", {"key": shop.vapid_key_id, "host": host})
    assert status == 200, said


async def stand(shop: Shop, n: int) -> bool:
    """Whether so many lanes of the shop are known to stand."""
    return await shop.world.db.fetchval("SELECT count(*) = $2 FROM lanes WHERE app_id = $1", shop.app.id, n)


@pytest.mark.parametrize(("status", "strangers"), [(403, 1_000), (500, 300)])
async def test_a_thousand_addresses_that_somebody_made_up_stop_nobody(
    world: World, shop: Shop, status: int, strangers: int
):
    """A stranger registers them at the service where the shop's visitors are: it refuses them, or fails for them.

    Whoever was reached before is reached again, at once. Nobody is dropped, and the lane does not stand.
    """
    visitors = await shop.devices(50)
    await shop.done(await shop.send())
    made_up = world.sandbox.devices.mint(
        strangers,
        shop.vapid_public_key,
        base_url=world.sandbox.webpush_url,
        prefix="bogus-",
        receiver_keys=4,
        vapid_key_id=shop.vapid_key_id,
    )
    await shop.take([msgspec.to_builtins(line) for line in made_up])
    world.faults(Rule(status=status, token_prefix="bogus-"))
    message = await shop.send()
    for once_more in (False, True):  # by then it was asked who they are
        said = await shop.came_to(message, "sent", 50, within_s=20)
        assert (said["counts"]["sent"], await kept(shop)) == (50, 50 + strangers)
        assert set(await shop.tokens_reached(message)) == {one.token for one in visitors}
        await shop.call("POST", f"/v1/messages/{message}/cancel")
        if not once_more:
            await asyncio.sleep(2.5)  # processes exchange what they know of lanes each second
            message = await shop.send()
    assert await lane_state(shop) is None


async def soonest_s(shop: Shop) -> float:
    """In how many seconds the first of those who wait is due."""
    return await shop.world.db.fetchval(
        "SELECT extract(epoch FROM min(due_at) - now())::float8 FROM chunks WHERE app_id = $1 AND state = 0",
        shop.app.id,
    )


async def lane_state(shop: Shop) -> int | None:
    """What the processes tell each other of the shop's lane: 1 parked, 2 stopped, None it runs."""
    return await shop.world.db.fetchval("SELECT max(state) FROM lanes WHERE app_id = $1", shop.app.id)


async def kept(shop: Shop) -> int:
    """How many devices are still sent to."""
    return await shop.world.db.fetchval(
        "SELECT count(*) FROM subscriptions WHERE app_id = $1 AND state = 0", shop.app.id
    )


async def test_one_service_down_stops_nobody_else(world: World, shop: Shop):
    """F15: one push service is away; the devices of the others are reached meanwhile, its own afterwards."""
    await shop.devices(30, host=MOZILLA)
    await shop.devices(30, host=GOOGLE)
    await shop.devices(30, host=APPLE)
    world.faults(Rule(kind="reset", host=MOZILLA))
    message = await shop.send()
    await shop.came_to(message, "sent", 60)
    assert (await shop.message(message))["counts"]["pending"] == 30
    world.faults()
    for _ in range(4):
        await world.let_pass(900)
    assert (await shop.done(message))["counts"]["sent"] == 90


async def test_one_shop_with_a_wrong_key_stops_no_other(world: World):
    """G6: another shop's messages go out while the lane of the first one stands."""
    stopped, other = await world.shop(), await world.shop()
    await stopped.devices(DEVICES, prefix="mine-")
    await other.devices(5, prefix="theirs-")
    world.faults(Rule(status=403, token_prefix="mine-"))
    waiting = await stopped.send()
    await stopped.waits(waiting, DEVICES)
    assert (await other.done(await other.send()))["counts"]["sent"] == 5


async def test_a_request_to_slow_down_slows_one_service(world: World, shop: Shop):
    """F17: after a 429 with Retry-After nothing goes to that service before the time is up."""
    await shop.devices(40, host=GOOGLE)
    world.faults(Rule(status=429, retry_after_s=30, host=GOOGLE))
    message = await shop.send()
    await shop.waits(message, 40)
    world.faults()
    assert await world.entries(message) == []
    await world.let_pass(120)
    assert (await shop.done(message))["counts"]["sent"] == 40


async def test_a_storm_of_429s_slows_the_lane_and_passes(world: World, shop: Shop):
    """F17: all processes hear of half the rate or less; nobody is lost or reached twice; the limit is lifted.

    The lane itself slows down with the first 429; processes tell each other every second, and a busy machine is given
    some more.
    """
    await shop.devices_quickly(STORM)
    world.faults(Rule(status=429, probability=0.3))
    message = await shop.send()
    await shop.came_to_ledger(message, 1)
    rate = await until("the lane is slowed for all processes", lambda: slowed_to(shop), within_s=5)
    assert rate is not None
    assert 1 <= rate <= STORM / 2
    for _ in range(3):
        await world.let_pass(61)
        await asyncio.sleep(0.5)
    world.faults()
    for _ in range(20):
        await world.let_pass(61)
        if (await shop.came_to_or_not(message, "sent", STORM, within_s=1))["counts"]["sent"] == STORM:
            break
    said = await shop.done(message)
    assert said["counts"]["sent"] == STORM
    reached = await shop.tokens_reached(message)
    assert len(reached) == len(set(reached)) == STORM
    await world.let_pass(2_000)
    await until("the rate is lifted", lambda: is_lifted(shop), within_s=10)


async def slowed_to(shop: Shop) -> float | None:
    """The rate that the processes tell each other."""
    return await shop.world.db.fetchval("SELECT min(rate) FROM lanes WHERE app_id = $1", shop.app.id)


async def is_lifted(shop: Shop) -> bool:
    """Whether nothing is known against any of the shop's lanes."""
    return await shop.world.db.fetchval("SELECT count(*) = 0 FROM lanes WHERE app_id = $1", shop.app.id)


async def test_a_service_whose_certificate_nobody_vouches_for_gets_nothing(world: World, shop: Shop):
    """F25: the lane is stopped, for the fault lies between us and the service; device and message are kept."""
    (device,) = await shop.devices(host=STRANGER)
    message = await shop.send({"subscriptions": [device.id]})
    await shop.waits(message, 1)
    await until("the lane is stopped for all processes", lambda: lane_state(shop), within_s=5)
    assert await lane_state(shop) == STOPPED
    assert await shop.is_kept(device)
    assert await world.entries(message) == []


async def test_a_service_whose_name_is_lost_is_waited_for(world: World, shop: Shop):
    """F26: no name server knows the push service at the moment; the message waits, the device is kept."""
    (line,) = world.sandbox.mint(1, None, receiver_keys=1)
    endpoint = "https://db5.notify.windows.com/w/?token=x"
    await shop.take([{**line, "channel": "webpush", "endpoint": endpoint, "vapid_key_id": shop.vapid_key_id}])
    device = await shop.device_at(endpoint)
    message = await shop.send({"subscriptions": [device.id]})
    await shop.waits(message, 1)
    assert await shop.is_kept(device)
