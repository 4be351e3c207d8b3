"""Which hours and days are quiet is for the app to say: by country, on weekends, on public holidays."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tests.journeys.test_timing import QUIET, next_at, people, settled
from tests.journeys.world import World


async def test_public_holidays_are_quiet_where_the_app_says_so(world: World) -> None:
    """Christmas is two days in the Netherlands, for who follows an app that keeps holidays; the dry run says so."""
    zone = ZoneInfo("Europe/Amsterdam")
    year = (world.clock.now() + timedelta(days=7)).astimezone(zone).year
    noon, morning = (datetime(year, 12, day, hour, tzinfo=zone) for day, hour in ((25, 12), (27, 9)))
    for holidays, first in ((True, morning), (False, noon)):
        shop = await world.shop(quiet_hours={**QUIET, "holidays": holidays})
        await people(shop, "Europe/Amsterdam", country="NL")
        order = {"audience": {"all": True}, "title": "x", "schedule": {"at": noon.isoformat()}}
        status, _, said = await shop.call("POST", "/v1/messages?dry_run=true", order)
        assert status == 200, said
        (hour,) = said["by_hour"]
        assert datetime.fromisoformat(hour["at"]) == first
        assert ("quiet" in said["held"]) is holidays


async def test_a_country_has_hours_of_its_own_where_the_app_says_so(world: World) -> None:
    """Madrid dines at ten, when Berlin is not to be woken."""
    shop = await world.shop(quiet_hours={**QUIET, "countries": {"ES": {"from": "23:30", "to": "10:00"}}})
    await people(shop, "Europe/Berlin", country="DE")
    (spain,) = await people(shop, "Europe/Madrid", country="ES")
    await world.go_to(next_at(world, 22))

    message = await shop.send()

    await settled(shop, message, sent=1, pending=1)
    assert await shop.tokens_reached(message) == [spain.token]


async def test_weekends_are_quiet_where_the_app_says_so(world: World) -> None:
    """From Saturday morning to Monday morning."""
    shop = await world.shop(quiet_hours={**QUIET, "weekends": True})
    await people(shop, "Europe/Berlin")
    saturday = next(
        day
        for ahead in range(1, 8)
        if (day := next_at(world, 12, days=ahead)).astimezone(ZoneInfo("Europe/Berlin")).weekday() == 5
    )
    await world.go_to(saturday)

    message = await shop.send()
    await world.let_pass(24 * 3600)
    await settled(shop, message, sent=0, pending=1)
    await world.go_to(next_at(world, 9, 0) + timedelta(seconds=2))

    await shop.done(message)
