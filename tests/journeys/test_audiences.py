"""The right people: filters over what is known of devices and of their people, through the public API."""

from typing import Any

from tests.journeys.world import Shop, World

GOLD_IN_NL = {"all": [{"tag": "plan", "is": "gold"}, {"country": "NL"}, {"none": [{"topic": "wholesale"}]}]}


async def reached(shop: Shop, where: dict[str, Any], names: dict[str, str]) -> set[str]:
    """Sends to a filter and tells by name who got it."""
    message = await shop.send({"where": where})
    said = await shop.done(message)
    tokens = await shop.tokens_reached(message)
    assert said["counts"]["audience"] == len(tokens)
    return {names[token] for token in tokens}


async def customers(shop: Shop, **lines: dict[str, Any]) -> dict[str, str]:
    """A device for each named customer; the name by its token."""
    devices = await shop.devices(len(lines), lines=list(lines.values()))
    return {device.token: name for device, name in zip(devices, lines, strict=True)}


async def test_gold_members_in_the_netherlands_who_are_no_wholesalers(world: World):
    """Tags, places and topics, all and none: they get it, and nobody else does."""
    shop = await world.shop()
    names = await customers(
        shop,
        anna={"tags": {"plan": "gold"}, "country": "NL"},
        bea={"tags": {"plan": "gold"}, "country": "BE"},
        carl={"tags": {"plan": "silver"}, "country": "NL"},
        dirk={"tags": {"plan": "gold"}, "country": "NL", "topics": ["wholesale"]},
        else_={"country": "NL"},
    )

    assert await reached(shop, GOLD_IN_NL, names) == {"anna"}


async def test_values_are_compared_as_what_they_are(world: World):
    """A number is above, a text begins, a list has, a date is before; whoever has none of it is left out."""
    shop = await world.shop()
    names = await customers(
        shop,
        anna={"tags": {"visits": 12, "size": ["M", "L"], "club": "vip-2024", "trial_ends": "2026-12-01"}},
        bea={"tags": {"visits": "12", "size": "M", "club": "no-vip", "trial_ends": "soon"}},
        carl={},
    )

    assert await reached(shop, {"tag": "visits", "over": 10}, names) == {"anna"}
    assert await reached(shop, {"tag": "size", "has_any": ["M", "S"]}, names) == {"anna"}
    assert await reached(shop, {"tag": "club", "starts": "vip-"}, names) == {"anna"}
    assert await reached(shop, {"tag": "trial_ends", "before": "2026-12-02"}, names) == {"anna"}
    assert await reached(shop, {"tag": "visits", "exists": True}, names) == {"anna", "bea"}
    assert await reached(shop, {"tag": "visits", "not": 12}, names) == {"bea", "carl"}


async def test_a_filter_that_cannot_be_read_is_refused_with_the_place_of_the_fault(world: World):
    """Nothing is sent, and the shop is told which of its conditions is wrong."""
    shop = await world.shop()
    where = {"all": [{"tag": "plan", "is": "gold"}, {"attribute": "spent", "over": "a lot"}]}

    status, _, said = await shop.call("POST", "/v1/messages", {"audience": {"where": where}, "title": "Sale"})

    assert status == 422
    assert said["error"]["code"] == "filter_invalid"
    assert said["error"]["param"] == "audience.where.all[1].over"


async def test_a_message_tells_its_filter(world: World):
    """What was asked can be read again in the report."""
    shop = await world.shop()

    said = await shop.done(await shop.send({"where": GOLD_IN_NL}))

    assert said["counts"]["audience"] == 0
    assert said["audience"]["where"]["all"][0] == {"tag": "plan", "is": "gold"}
