"""Devices that are gone, that came back, that left in the middle, that hold poison; and addresses that are a trap."""

import asyncio
import io
from collections.abc import AsyncIterator

import msgspec
import pytest
import pytest_asyncio

from gateway.sandbox import Rule
from tests.journeys.world import HOST, SHIFTY, Device, Shop, World


class Trap:
    """A port of this machine that no gateway should ever connect to."""

    def __init__(self) -> None:
        self.connections = 0
        self.port = 0

    def caught(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Somebody came."""
        self.connections += 1
        writer.close()


@pytest_asyncio.fixture(loop_scope="session")
async def trap(shifty_port: int) -> AsyncIterator[Trap]:
    """It listens where the shifty push service's name may lead."""
    trap = Trap()
    server = await asyncio.start_server(trap.caught, HOST, shifty_port)
    trap.port = shifty_port
    yield trap
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("status", [404, 410])
async def test_a_closed_address_is_not_tried_again(world: World, shop: Shop, status: int):
    """F31: after 404 or 410 the device is never contacted again, by any later message; the others are."""
    gone, there = await shop.devices(2, prefix="gone-")
    world.faults(Rule(status=status, token_prefix=gone.token))
    first = await shop.done(await shop.send())
    assert (first["counts"]["gone"], first["counts"]["sent"]) == (1, 1)
    world.faults()
    second = await shop.done(await shop.send())
    named = await shop.done(await shop.send({"subscriptions": [gone.id]}))
    assert second["counts"]["audience"] == second["counts"]["sent"] == 1
    assert named["counts"]["audience"] == 0
    assert await shop.tokens_reached(second["id"]) == [there.token]


async def test_a_device_that_came_back_survives_an_older_goodbye(world: World, shop: Shop):
    """F32: a 410 for the address that was read before the device registered anew does not close the device."""
    (device,) = await shop.devices(prefix="back-")
    world.faults(Rule(status=410, latency_ms=600, token_prefix=device.token, times=1))
    message = await shop.send({"subscriptions": [device.id]})
    await asyncio.sleep(0.2)
    await world.db.execute("UPDATE subscriptions SET registered_at = now() WHERE id = $1", device.number)
    await shop.done(message)
    assert await shop.is_kept(device)
    assert (await shop.done(await shop.send()))["counts"]["sent"] == 1


async def test_who_leaves_after_planning_is_not_sent_to(world: World, shop: Shop):
    """A device that opts out between planning and its turn hears nothing, and is counted as left."""
    devices = await shop.devices(6, prefix="left-")
    message = await paused_after_planning(shop)
    status, _, _ = await shop.call("DELETE", f"/v1/subscriptions/{devices[2].id}")
    assert status in (200, 204)
    await shop.call("POST", f"/v1/messages/{message}/resume")
    said = await shop.done(message)
    assert said["skipped_by"] == {"left": 1}
    assert said["counts"]["sent"] == 5
    assert devices[2].token not in await shop.tokens_reached(message)


async def test_who_leaves_between_two_tries_is_not_sent_to(world: World, shop: Shop):
    """The same for a device that waits for another try."""
    (device,) = await shop.devices(prefix="wait-")
    world.faults(Rule(status=503, retry_after_s=20, token_prefix=device.token, times=1))
    message = await shop.send({"subscriptions": [device.id]})
    await shop.waits(message, 1)
    await shop.call("DELETE", f"/v1/subscriptions/{device.id}")
    await world.let_pass(60)
    said = await shop.done(message)
    assert said["skipped_by"] == {"left": 1}
    assert await world.entries(message) == []


async def paused_after_planning(shop: Shop) -> str:
    """A message to everybody that is planned and of which nothing has gone out: its service asks for a minute."""
    shop.world.faults(Rule(status=503, retry_after_s=30))
    message = await shop.send()
    devices = await shop.world.db.fetchval("SELECT count(*) FROM subscriptions WHERE app_id = $1", shop.app.id)
    await shop.waits(message, devices)
    await shop.call("POST", f"/v1/messages/{message}/pause")
    shop.world.faults()
    await shop.world.let_pass(120)
    return message


async def slip_in(shop: Shop, device: Device, wire: bytes) -> None:
    """Changes what is stored of a device, past all checks."""
    await shop.world.db.execute("UPDATE subscriptions SET wire = $2 WHERE id = $1", device.number, wire)


async def wire_of(shop: Shop, device: Device) -> bytes:
    """What is stored of it."""
    return await shop.world.db.fetchval("SELECT wire FROM subscriptions WHERE id = $1", device.number)


@pytest.mark.parametrize(
    ("poison", "reason"),
    [
        (lambda wire: wire[:1] + b"\x04" + b"\xff" * 64 + wire[66:], "key_material"),
        (lambda wire: wire[:1] + b"\0" * 65 + wire[66:], "key_material"),
        (lambda wire: wire[:82], "endpoint_refused"),
        (lambda wire: wire[:82] + b"\xff\xfe\xfd", "key_material"),
        (lambda _wire: b"", "endpoint_refused"),
    ],
    ids=["no point of the curve", "zeros", "no endpoint", "not text", "nothing"],
)
async def test_a_poisoned_recipient_fails_alone(shop: Shop, poison, reason: str):
    """F37: one device whose stored keys are broken fails; everybody beside it is reached."""
    devices = await shop.devices(5)
    await slip_in(shop, devices[1], poison(await wire_of(shop, devices[1])))
    said = await shop.done(await shop.send())
    assert said["counts"]["sent"] == 4
    assert said["failed_by"] == {reason: 1}


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/wpush/v2/x",
        "https://127.0.0.1:{port}/x",
        "https://[::1]:{port}/x",
        "https://169.254.169.254/latest/meta-data",
        "https://metadata.google.internal/computeMetadata/v1/",
        "https://localhost:{port}/x",
        "https://shop.internal/x",
        "https://2130706433:{port}/x",
        "https://updates.push.services.mozilla.com:{port}/x",
        "https://updates.push.services.mozilla.com@127.0.0.1:{port}/x",
        "file:///etc/passwd",
        "gopher://127.0.0.1:{port}/x",
    ],
)
async def test_a_hostile_endpoint_is_not_contacted(shop: Shop, trap: Trap, url: str):
    """An endpoint that got past the door (an old row, a restored backup) still leads nowhere."""
    hostile, good = await shop.devices(2)
    wire = await wire_of(shop, hostile)
    await slip_in(shop, hostile, wire[:82] + url.format(port=trap.port).encode())
    message = await shop.send()
    said = await shop.done(message)
    assert said["failed_by"] == {"endpoint_refused": 1}
    assert await shop.tokens_reached(message) == [good.token]
    assert trap.connections == 0


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.7", "169.254.169.254", "::1", "fd00::1", "0.0.0.8"])
async def test_a_name_that_changes_its_answer_is_not_followed(world: World, shop: Shop, trap: Trap, address: str):
    """F26: at opt-in the name was a push service's; by the time of the send it leads inside. Nothing is contacted.

    It may be the name server that is wrong for a minute, so the push waits, as for a name that is lost.
    """
    endpoint = f"https://{SHIFTY}:{trap.port}/push/one"
    (line,) = world.sandbox.mint(1, None, receiver_keys=1)
    await shop.take([{**line, "channel": "webpush", "endpoint": endpoint, "vapid_key_id": shop.vapid_key_id}])
    world.answers[SHIFTY] = ["93.184.216.34", address]
    await shop.waits(await shop.send(), 1)
    assert trap.connections == 0
    assert await shop.is_kept(await shop.device_at(endpoint))


async def test_a_hostile_endpoint_is_not_taken(shop: Shop):
    """And at the door it is refused, with a reason."""
    (line,) = shop.world.sandbox.mint(1, None, receiver_keys=1)
    body = msgspec.json.encode({**line, "channel": "webpush", "endpoint": "https://169.254.169.254/x"})
    async with shop.world.session.post(
        shop.world.url + "/v1/subscriptions/import",
        data=io.BytesIO(body),
        headers={"Authorization": f"Bearer {shop.api_key}", "Content-Type": "application/x-ndjson"},
    ) as answer:
        said = await answer.json()
    assert said["imported"] == 0
    assert said["errors"][0]["code"] == "endpoint_refused"
