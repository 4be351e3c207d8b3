"""Experiments among people who have hours of their own: when the time of one runs, and who gets the winner when."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from gateway.model.ids import to_text
from tests.chaos.processes import until
from tests.journeys.notifications import shown
from tests.journeys.test_offers import report
from tests.journeys.test_timing import HOUR, QUIET, next_at, settled
from tests.journeys.world import Shop, World

_MANY = 640
"""Of whom enough are in an experiment of half of them that one variant can be said to be better."""
_MOMENT = timedelta(seconds=2)
_TWO = [{"name": "a", "title": "A"}, {"name": "b", "title": "B"}]


async def crowd(shop: Shop, zones: Mapping[str, int]) -> None:
    """So many people in each of these zones."""
    await shop.devices_quickly(sum(zones.values()))
    rows = await shop.world.db.fetch("SELECT id FROM subscriptions WHERE app_id = $1 ORDER BY id", shop.app.id)
    numbers = iter(row["id"] for row in rows)
    for zone, n in zones.items():
        await shop.world.db.execute(
            "UPDATE subscriptions SET timezone = $2 WHERE app_id = $1 AND id = ANY($3::bigint[])",
            shop.app.id, zone, [next(numbers) for _ in range(n)],
        )  # fmt: skip


class Heard:
    """What came to whom of a message, look after look."""

    def __init__(self, shop: Shop, message: str) -> None:
        self._shop = shop
        self._message = message
        self._known: set[str] = set()

    async def news(self) -> dict[str, Counter[str]]:
        """How many got which title since the last look, by zone. Nobody got two."""
        got = await shown(self._shop, self._message)
        assert len(await self._shop.world.entries(self._message)) == len(got), "somebody was told twice"
        rows = await self._shop.world.db.fetch(
            "SELECT id, timezone FROM subscriptions WHERE app_id = $1", self._shop.app.id
        )
        zones = {to_text("sub", row["id"]): row["timezone"] for row in rows}
        found: dict[str, Counter[str]] = {}
        for token, one in got.items():
            if token not in self._known:
                found.setdefault(zones[one["data"]["steeple"]["s"]], Counter())[one["title"]] += 1
        self._known |= got.keys()
        return found


async def decided(shop: Shop, message: str) -> dict[str, Any]:
    """What is said of the experiment, once there is a winner."""

    async def is_decided() -> dict[str, Any] | None:
        said = (await shop.message(message))["experiment"]
        return said if said["winner"] else None

    said = await until("there is a winner", is_decided, within_s=10)
    assert said is not None
    return said


async def clicks(shop: Shop, message: str, *, a: int, b: int) -> None:
    """So many of those who got the one and the other click."""
    got = list((await shown(shop, message)).values())
    for title, n in (("A", a), ("B", b)):
        await report(shop, "clicked", [one for one in got if one["title"] == title][:n])


async def test_the_time_of_an_experiment_runs_from_when_its_people_are_awake(world: World) -> None:
    """Ordered by night with two hours to judge: nothing is decided before they have had two hours of the morning."""
    shop = await world.shop(quiet_hours=QUIET)
    await crowd(shop, {"Europe/Berlin": _MANY})
    await world.go_to(next_at(world, 4, 0))
    message = await shop.send(variants=_TWO, experiment={"share": 50, "winner": "click", "after": "PT2H"})
    heard = Heard(shop, message)
    await settled(shop, message, sent=0, pending=_MANY)
    nine = next_at(world, 9, 0, days=0)
    await world.go_to(nine + _MOMENT)
    tried = (await out(shop, message))["counts"]["sent"]
    assert set((await heard.news())["Europe/Berlin"]) == {"A", "B"}
    await clicks(shop, message, a=5, b=40)
    await world.go_to(nine + 2 * HOUR - timedelta(seconds=30))
    await asyncio.sleep(1.5)  # it is looked each second whether anything is to be decided
    said = await shop.message(message)
    assert (said["experiment"]["winner"], said["counts"]["sent"]) == (None, tried)
    await world.go_to(nine + 2 * HOUR + _MOMENT)
    said = await shop.done(message)
    assert (said["experiment"]["winner"], said["experiment"]["decided_by"]) == ("b", "best")
    assert await heard.news() == {"Europe/Berlin": Counter(B=_MANY - tried)}


async def test_each_zone_gets_variants_and_the_winner_at_its_own_hour(world: World) -> None:
    """Nine o'clock everywhere, decided thirteen hours after the first nine, when it is past in some zones.

    Who waited there gets the winner at once (Berlin, Tokyo) or when their night is over (Sydney). Where nine has still
    to come (New York) those in the experiment get their variant then, and all others the winner.
    """
    shop = await world.shop(quiet_hours=QUIET)
    sydney, tokyo, berlin, new_york = "Australia/Sydney", "Asia/Tokyo", "Europe/Berlin", "America/New_York"
    few = 40
    await crowd(shop, {sydney: few, tokyo: few, berlin: _MANY, new_york: few})
    await world.go_to(next_at(world, 7, 0, sydney))
    message = await shop.send(
        schedule={"local_time": "09:00"},
        variants=_TWO,
        experiment={"share": 50, "winner": "click", "after": "PT13H"},
    )
    heard = Heard(shop, message)
    tried: Counter[str] = Counter()
    await settled(shop, message, sent=0, pending=_MANY + 3 * few)
    first_nine = next_at(world, 9, 0, sydney, days=0)
    for zone, nine in ((sydney, first_nine), (tokyo, next_nine(world, tokyo)), (berlin, next_nine(world, berlin))):
        await world.go_to(nine + _MOMENT)
        await out(shop, message)
        news = await heard.news()
        assert list(news) == [zone], "each at its own hour"
        assert set(news[zone]) == {"A", "B"}
        tried[zone] = news[zone].total()
    await clicks(shop, message, a=5, b=40)

    await world.go_to(first_nine + 13 * HOUR + _MOMENT)
    assert (await decided(shop, message))["winner"] == "b"
    await shop.came_to_ledger(message, few + _MANY + tried[sydney])
    await out(shop, message)
    assert await heard.news() == {tokyo: Counter(B=few - tried[tokyo]), berlin: Counter(B=_MANY - tried[berlin])}

    await world.go_to(next_nine(world, new_york) + _MOMENT)
    await out(shop, message)
    assert (await heard.news())[new_york].total() == few
    await world.go_to(next_nine(world, sydney) + _MOMENT)
    said = await shop.done(message)
    assert await heard.news() == {sydney: Counter(B=few - tried[sydney])}
    assert said["counts"]["sent"] == said["counts"]["audience"] == _MANY + 3 * few


def next_nine(world: World, zone: str) -> datetime:
    """The next nine o'clock on the wall of a zone."""
    return next(nine for days in (0, 1) if (nine := next_at(world, 9, 0, zone, days=days)) > world.clock.now())


async def out(shop: Shop, message: str) -> dict[str, Any]:
    """The message, once nobody of it is due and nobody is at work on it."""
    at_work = "SELECT count(*) FROM chunks WHERE app_id = $1 AND state < 2 AND (state = 1 OR due_at <= now())"

    async def is_out() -> bool:
        return not await shop.world.db.fetchval(at_work, shop.app.id)

    await until("all that are due are out", is_out, within_s=20)
    return await shop.message(message)
