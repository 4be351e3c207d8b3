"""Not now: what a service may ask for, how long a message lives, and services that answer badly or not at all."""

import pytest

from gateway.sandbox import Rule
from gateway.wire.retry_after import http_date
from tests.journeys.test_statuses import waits_s
from tests.journeys.world import Shop, World


@pytest.mark.parametrize(
    ("said", "least_s", "most_s"),
    [
        ("7", 6, 13),
        ("0", 0, 7),
        ("-5", 0, 7),
        ("1000000000", 3590, 4510),
        ("99999999999999999999999999", 3590, 4510),
        ("soon, -1; maybe", 28, 151),
        ("", 28, 151),
        ("1.5", 28, 151),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0, 7),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3590, 4510),
        ("Fri, 99 Foo 2020 25:61:61 GMT", 28, 151),
    ],
)
async def test_retry_after_is_honoured_within_reason(shop: Shop, said: str, least_s: float, most_s: float):
    """F16: seconds and dates are honoured, an hour at most; nonsense counts as nothing said."""
    (device,) = await shop.devices(prefix="ra-")
    shop.world.faults(Rule(status=429, headers={"Retry-After": said}, token_prefix=device.token, times=1))
    message = await shop.send({"subscriptions": [device.id]})
    if most_s > 8:
        await shop.waits(message, 1)
        assert least_s <= await waits_s(shop) <= most_s
        await shop.world.let_pass(most_s)
    assert (await shop.done(message))["counts"]["sent"] == 1


async def test_retry_after_may_be_a_date(world: World, shop: Shop):
    """F16: half a minute from now, said as a date."""
    (device,) = await shop.devices(prefix="rd-")
    at = http_date(world.base.clock.now_s() + 30)
    world.faults(Rule(status=503, headers={"Retry-After": at}, token_prefix=device.token, times=1))
    message = await shop.send({"subscriptions": [device.id]})
    await shop.waits(message, 1)
    assert 28 <= await waits_s(shop) <= 76


async def test_ttl_shrinks_with_every_try(world: World, shop: Shop):
    """The push service keeps a message for what is left of its life, not for all of it again."""
    (device,) = await shop.devices(prefix="ttl-")
    world.faults(Rule(status=503, retry_after_s=100, token_prefix=device.token, times=1))
    message = await shop.send({"subscriptions": [device.id]}, ttl=1000)
    await shop.waits(message, 1)
    await world.let_pass(200)
    await shop.done(message)
    (entry,) = await world.entries(message)
    assert 780 <= entry.ttl_s <= 801


async def test_what_has_expired_is_not_sent(world: World, shop: Shop):
    """A message whose time ran out while it waited is counted as expired and never leaves."""
    (device,) = await shop.devices(prefix="exp-")
    world.faults(Rule(status=503, retry_after_s=20, token_prefix=device.token))
    message = await shop.send({"subscriptions": [device.id]}, ttl=100)
    await shop.waits(message, 1)
    world.faults()
    await world.let_pass(150)
    said = await shop.done(message)
    assert said["counts"]["expired"] == 1
    assert await world.entries(message) == []


async def test_a_try_after_the_expiry_is_an_expiry_now(world: World, shop: Shop):
    """Nobody waits for a try that could only come too late."""
    (device,) = await shop.devices(prefix="late-")
    world.faults(Rule(status=503, retry_after_s=600, token_prefix=device.token))
    message = await shop.send({"subscriptions": [device.id]}, ttl=60)
    assert (await shop.done(message))["counts"]["expired"] == 1


async def test_now_or_never(world: World, shop: Shop):
    """TTL 0 reaches the push service as 0."""
    (device,) = await shop.devices()
    message = await shop.send({"subscriptions": [device.id]}, ttl=0)
    await shop.done(message)
    (entry,) = await world.entries(message)
    assert entry.ttl_s == 0
    assert entry.token == device.token


async def test_a_device_is_given_up_in_the_end(world: World, shop: Shop):
    """Eight tries at a service that works for others, then the recipient has failed; the device is kept."""
    bad, good = await shop.devices(2, prefix="up-")
    world.faults(Rule(status=500, token_prefix=bad.token))
    message = await shop.send()
    await shop.came_to(message, "sent", 1)
    for _ in range(30):
        await world.let_pass(600)
        # Only tries at a service that works count: that somebody else is reached meanwhile is what tells.
        await shop.done(await shop.send({"subscriptions": [good.id], "channels": ["webpush"]}))
        if (await shop.message(message))["state"] == "done":
            break
    said = await shop.done(message)
    assert said["failed_by"] == {"attempts_used_up": 1}
    assert await shop.is_kept(bad)
    assert await shop.tokens_reached(message) == [good.token]


@pytest.mark.parametrize(
    "fault",
    [
        Rule(kind="hang", hang_s=30, times=1),
        Rule(kind="reset", times=1),
        Rule(kind="dribble", dribble_ms=400, times=1),
        Rule(kind="status", status=302, headers={"Location": "http://127.0.0.1:9/"}, times=1),
        Rule(kind="huge", body_bytes=10 * 1024 * 1024, status=200, after_accept=True, times=1),
    ],
    ids=lambda rule: rule.kind,
)
async def test_an_odd_answer_hurts_nobody_else(world: World, shop: Shop, fault: Rule):
    """F18-F20, F27, F28: one endpoint hangs, hangs up, dribbles, redirects or never stops; the others are reached."""
    devices = await shop.devices(20, prefix="odd-")
    world.faults(fault)
    message = await shop.send()
    await shop.came_to(message, "sent", 19)
    await world.let_pass(30)
    said = await shop.done(message)
    counts = said["counts"]
    assert counts["sent"] + counts["failed"] == 20
    reached = await shop.tokens_reached(message)
    assert len(set(reached)) == counts["sent"]
    assert all([await shop.is_kept(device) for device in devices])
