"""The right people: filters over what is known of devices and of their people, through the public API."""

from datetime import UTC, datetime, timedelta
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


async def test_a_shop_asks_how_many_before_it_sends(world: World):
    """Devices and people, by channel and time zone; a small shop is counted, and the message then goes to as many."""
    shop = await world.shop()
    await customers(
        shop,
        anna={"tags": {"plan": "gold"}, "country": "NL", "user": "anna", "timezone": "Europe/Amsterdam"},
        annas_phone={"tags": {"plan": "gold"}, "country": "NL", "user": "anna", "timezone": "Europe/Amsterdam"},
        bea={"tags": {"plan": "gold"}, "country": "NL", "timezone": "America/New_York"},
        carl={"country": "NL"},
    )

    status, _, said = await shop.call("POST", "/v1/audience/estimate", {"audience": {"where": GOLD_IN_NL}})
    assert status == 200, said
    _, _, counted = await shop.call("POST", "/v1/audience/estimate?exact=true", {"audience": {"where": GOLD_IN_NL}})
    sent = await shop.done(await shop.send({"where": GOLD_IN_NL}))

    assert (said["devices"], said["people"], said["exact"]) == (3, 2, True)
    assert said["margin"] == {"devices": 0, "people": 0}
    assert said["per_channel"] == {"webpush": 3}
    assert said["per_timezone"] == {"Europe/Amsterdam": 2, "America/New_York": 1}
    assert counted == said
    assert sent["counts"]["audience"] == said["devices"]


async def test_an_estimate_of_named_people_counts_those_of_them_who_fit(world: World):
    """Names and a filter are joined by AND, here as in a message."""
    shop = await world.shop()
    await customers(
        shop,
        anna={"tags": {"plan": "gold"}, "user": "anna"},
        bea={"tags": {"plan": "free"}, "user": "bea"},
        carl={"tags": {"plan": "gold"}, "user": "carl"},
    )
    audience = {"users": ["anna", "bea"], "where": {"tag": "plan", "is": "gold"}}

    _, _, said = await shop.call("POST", "/v1/audience/estimate", {"audience": audience})

    assert (said["devices"], said["people"], said["exact"]) == (1, 1, True)


async def test_who_did_something_is_found_by_it(world: World):
    """Ordered twice this month, spent a hundred, did not visit: by events, in any nesting."""
    shop = await world.shop()
    names = await customers(shop, anna={"user": "anna"}, bea={"user": "bea"}, carl={"user": "carl"})
    now = datetime.now(UTC)
    orders = [("anna", 60, now - timedelta(days=1)), ("anna", 55.5, now - timedelta(days=2)), ("bea", 20, now)]
    events = [
        {"name": "order_placed", "user": user, "at": at.isoformat(), "properties": {"total": total}}
        for user, total, at in orders
    ]
    status, _, said = await shop.call("POST", "/v1/events", events)
    assert status == 202, said

    assert await reached(shop, {"event": "order_placed", "done_within": "P7D"}, names) == {"anna", "bea"}
    assert await reached(shop, {"event": "order_placed", "none": True}, names) == {"carl"}
    assert await reached(shop, {"event": "order_placed", "count": {"over": 1}, "within": "P7D"}, names) == {"anna"}
    assert await reached(shop, {"orders": {"under": 2}}, names) == {"bea", "carl"}
    assert await reached(shop, {"spent": {"over": 100}, "within": "P30D"}, names) == {"anna"}


async def test_what_is_known_of_a_person_counts_on_each_of_their_devices(world: World):
    """Attributes and tags of a user, of every type, on the phone as in the browser."""
    shop = await world.shop()
    names = await customers(shop, anna={"user": "anna"}, annas_phone={"user": "anna"}, bea={"user": "bea"})
    attributes = {"plan": "gold", "points": 1200, "born": "1990-05-17", "newsletter": True, "sizes": ["M", "L"]}
    status, _, said = await shop.call("PUT", "/v1/users/anna", {"attributes": attributes, "tags": {"vip": True}})
    assert status == 200, said
    await shop.call("PUT", "/v1/users/bea", {"attributes": {"plan": "free", "points": 3}, "language": "de"})
    anna = {"anna", "annas_phone"}

    assert await reached(shop, {"attribute": "points", "between": [1000, 2000]}, names) == anna
    assert await reached(shop, {"attribute": "born", "before": "2000-01-01"}, names) == anna
    assert await reached(shop, {"attribute": "newsletter", "is": True}, names) == anna
    assert await reached(shop, {"attribute": "sizes", "has": "L"}, names) == anna
    assert await reached(shop, {"tag": "vip", "is": True}, names) == anna
    assert await reached(shop, {"attribute": "plan", "in": ["free", "trial"]}, names) == {"bea"}
    assert await reached(shop, {"language": "de"}, names) == {"bea"}
