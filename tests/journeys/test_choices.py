"""What people choose themselves holds: a pause, how much is enough, hours of quiet, channels."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.journeys.world import Device, Shop, World

DAY_S = 86_400


async def _somebody(shop: Shop, devices: int = 1, **choices: Any) -> list[Device]:
    """A user with devices, who chose so."""
    made = await shop.devices(devices, lines=[{"user": "ada", "timezone": "Europe/Amsterdam"}] * devices)
    status, _, said = await shop.call("PATCH", "/v1/users/ada", {"preferences": choices})
    assert status == 200, said
    return made


def _in(world: World, days: float) -> str:
    return (world.clock.now() + timedelta(days=days)).isoformat()


async def test_a_pause_leaves_marketing_out_and_lets_orders_through(world: World, shop: Shop) -> None:
    """Whoever asked for a week without advertising gets none of it, is told why, and hears of their parcel."""
    (device,) = await _somebody(shop, paused_until=_in(world, 7))
    campaign = await shop.send()
    assert (await shop.done(campaign))["skipped_by"] == {"own_pause": 1}
    assert await shop.end_of(campaign, device) == ("skipped", "own_pause")
    parcel = await shop.send({"users": ["ada"]}, category="transactional")
    assert (await shop.done(parcel))["counts"]["sent"] == 1
    await world.let_pass(7 * DAY_S + 60)
    after = await shop.done(await shop.send())
    assert (after["counts"]["sent"], after["skipped_by"]) == (1, {})


async def test_own_frequency_holds_where_the_shop_set_no_cap(world: World, shop: Shop) -> None:
    """One a day means one a day, on all devices together; whoever chose nothing gets all of it."""
    other = (await shop.devices(1))[0]
    await _somebody(shop, devices=2, frequency={"max": 1, "per": "P1D"})
    first = await shop.done(await shop.send())
    assert first["counts"]["sent"] == 3
    second = await shop.send()
    said = await shop.done(second)
    assert (said["counts"]["sent"], said["skipped_by"]) == (1, {"capped": 2})
    assert await shop.end_of(second, other) == ("sent", None)


async def test_own_quiet_hours_hold_where_the_shop_has_none(world: World, shop: Shop) -> None:
    """Whoever wants no advertising at any hour but one waits for that hour; others do not."""
    here = (world.clock.now() + timedelta(hours=1)).astimezone(ZoneInfo("Europe/Amsterdam"))
    opens = (here + timedelta(hours=1)).strftime("%H:00")
    (device,) = await _somebody(shop, quiet_hours={"from": here.strftime("%H:00"), "to": opens})
    await world.let_pass(3600)
    message = await shop.send(ttl=DAY_S)
    await shop.waits(message, 1)
    await world.let_pass(3660)
    assert (await shop.done(message))["counts"]["sent"] == 1
    assert await shop.tokens_reached(message) == [device.token]


async def test_a_channel_may_be_off(shop: Shop) -> None:
    """No advertising by this channel; what is no advertising comes by it all the same."""
    (device,) = await _somebody(shop, channels_off=["webpush"])
    message = await shop.send()
    assert (await shop.done(message))["skipped_by"] == {"channel_off": 1}
    order = await shop.send({"subscriptions": [device.id]}, category="transactional")
    assert (await shop.done(order))["counts"]["sent"] == 1


async def test_a_shop_that_replaces_a_user_leaves_their_choices(world: World, shop: Shop) -> None:
    """A nightly sync of all users is not what takes somebody's choices away; their own word is."""
    until = _in(world, 7)
    await _somebody(shop, paused_until=until, frequency={"max": 2, "per": "P7D"})
    await shop.call("PUT", "/v1/users/ada", {"attributes": {"first_name": "Ada"}})
    _, _, said = await shop.call("GET", "/v1/users/ada")
    assert said["preferences"]["frequency"] == {"max": 2, "per": "P7D"}
    assert said["preferences"]["paused_until"] is not None
    _, _, said = await shop.call("PATCH", "/v1/users/ada", {"preferences": {"paused_until": None}})
    assert (said["preferences"]["paused_until"], said["preferences"]["frequency"]) == (None, {"max": 2, "per": "P7D"})


@pytest.mark.parametrize(
    ("choices", "param"),
    [
        ({"frequency": {"max": 0, "per": "P1D"}}, "preferences.frequency.max"),
        ({"frequency": {"max": 1, "per": "P1Y"}}, "preferences.frequency.per"),
        ({"frequency": {"max": 1, "per": "P1D/x"}}, "preferences.frequency.per"),
        ({"quiet_hours": {"from": "24:00", "to": "08:00"}}, "preferences.quiet_hours.from"),
        ({"quiet_hours": {"from": "22:00"}}, "preferences.quiet_hours.to"),
        ({"paused_until": "2999-01-01T00:00:00Z"}, "preferences.paused_until"),
        ({"paused_until": "2026-12-01T09:00:00"}, "preferences.paused_until"),
        ({"paused_until": "soon"}, "preferences.paused_until"),
        ({"channels_off": ["pigeon"]}, "preferences.channels_off"),
        ({"silence": True}, "preferences.silence"),
        ([], "preferences"),
    ],
)
async def test_a_choice_that_is_none_is_refused_whole(shop: Shop, choices: Any, param: str) -> None:
    """The field is named, and nothing of the call is kept."""
    await shop.call("PUT", "/v1/users/ada", {})
    status, _, said = await shop.call("PATCH", "/v1/users/ada", {"preferences": choices, "tags": {"plan": "gold"}})
    assert (status, said["error"]["param"]) == (422, param)
    _, _, kept = await shop.call("GET", "/v1/users/ada")
    assert kept["tags"] == {}
