"""Local time, quiet hours, caps, a rate and a deadline in one message, and what its dry run had said of it."""

from datetime import datetime, timedelta
from typing import Any

from tests.journeys.test_timing import HOUR, QUIET, next_at, people, settled
from tests.journeys.world import Shop, World


async def _foretold(shop: Shop, audience: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """The dry run of a message."""
    body = {"audience": audience or {"all": True}, "title": "Evening bell", **fields}
    status, _, said = await shop.call("POST", "/v1/messages?dry_run=true", body)
    assert status == 200, said
    return said


def _hours(said: dict[str, Any]) -> list[tuple[datetime, int, dict[str, int]]]:
    return [(datetime.fromisoformat(one["at"]), one["count"], one["zones"]) for one in said["by_hour"]]


def _hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


async def test_local_time_night_caps_rate_and_deadline_in_one_message(world: World) -> None:
    """At half past eight on their own wall, but not by night, six a minute, nobody twice a day, until noon.

    Berlin is reached at nine, one every ten seconds. Who had a message yesterday evening is left out. New York's nine
    comes after the end: nobody waits for it.
    """
    shop = await world.shop(quiet_hours=QUIET, caps=[{"per": "P1D", "max": 1}])
    berlin = await people(shop, *["Europe/Berlin"] * 3)
    tired, far = await people(shop, "Europe/Berlin", "America/New_York")
    await world.go_to(next_at(world, 20, 0))
    await shop.done(await shop.send({"subscriptions": [tired.id]}, category="marketing"))
    nine = next_at(world, 9, 0)
    order: dict[str, Any] = {
        "category": "marketing",
        "schedule": {"local_time": "08:30", "until": (nine + 3 * HOUR).isoformat()},
        "limits": {"per_minute": 6},
    }

    said = await _foretold(shop, **order)
    assert (said["audience"], _hours(said)) == (5, [(_hour_of(nine), 4, {"Europe/Berlin": 4})])
    assert said["held"]["expired"] == {"count": 1, "until": None}
    assert (said["held"]["local_time"]["count"], said["held"]["quiet"]["count"]) == (4, 4)
    assert datetime.fromisoformat(said["held"]["quiet"]["until"]) == nine

    message = await shop.send(**order)
    await settled_but_ended(shop, message, pending=4)
    await world.go_to(nine - timedelta(minutes=2))
    assert await shop.tokens_reached(message) == []
    await world.go_to(nine + timedelta(seconds=1))
    for already in (1, 2, 3):
        await shop.came_to(message, "sent", already)
        assert (await shop.message(message))["counts"]["sent"] == already, "one every ten seconds"
        await world.let_pass(10)
    await world.let_pass(10)

    ended = await shop.done(message)
    assert sorted(await shop.tokens_reached(message)) == sorted(one.token for one in berlin)
    assert await shop.end_of(message, tired) == ("skipped", "capped")
    assert await shop.end_of(message, far) == ("expired", "held")
    assert ended["counts"]["sent"] == 3


async def settled_but_ended(shop: Shop, message: str, *, pending: int) -> None:
    """Once who comes too late was told so, and so many wait."""
    said = await shop.came_to(message, "expired", 1)
    assert (said["counts"]["sent"], said["counts"]["pending"]) == (0, pending)


async def test_a_slow_message_stops_at_its_deadline(world: World) -> None:
    """One a minute: when the end comes, it is over for the others; the dry run had said who waits."""
    shop = await world.shop(quiet_hours=QUIET)
    await people(shop, *["Europe/Berlin"] * 5)
    await world.go_to(next_at(world, 12, 0))
    until = (world.clock.now() + timedelta(seconds=1_000)).isoformat()
    order = {"schedule": {"until": until}, "limits": {"per_minute": 1}}

    assert (await _foretold(shop, **order))["held"]["throttled"]["count"] == 4
    message = await shop.send(**order)
    await shop.came_to(message, "sent", 1)
    await world.let_pass(1_001)

    assert (await shop.done(message))["counts"]["expired"] == 4


async def test_the_dry_run_says_who_goes_in_which_hour(world: World) -> None:
    """Each zone at its hour; who sleeps in the morning; of whom nothing is known, now. Then it happens so."""
    shop = await world.shop(quiet_hours=QUIET)
    awake = await people(shop, "America/New_York", None)
    await people(shop, "Europe/Berlin", "Europe/Berlin")
    await world.go_to(next_at(world, 23, 30))
    now, morning = world.clock.now(), next_at(world, 9, 0)

    said = await _foretold(shop)
    named = await _foretold(shop, {"subscriptions": [one.id for one in awake]})

    assert _hours(said) == [
        (_hour_of(now), 2, {"America/New_York": 1, "unknown": 1}),
        (_hour_of(morning), 2, {"Europe/Berlin": 2}),
    ]
    assert said["zones"] == {"Europe/Berlin": 2, "America/New_York": 1, "unknown": 1}
    assert said["held"] == {"quiet": {"count": 2, "until": said["by_hour"][1]["at"]}}
    assert (named["held"], _hours(named)) == ({}, [_hours(said)[0]])
    await settled(shop, await shop.send(), sent=2, pending=2)
