"""Places: a shop's devices are where their addresses or they themselves say, and nobody's address is kept."""

from pathlib import Path
from typing import Any

import pytest

from gateway.model.ids import from_text
from gateway.store.places import forget_old_positions
from tests.geo.files import AMSTERDAM, NEW_YORK, NOWHERE_IN_AMERICA, SAO_PAULO, LayoutName, write_places
from tests.journeys.visitors import Visitor
from tests.journeys.world import Shop

AGREED = {"text": "News, and shops near you", "location": True}
DAM_SQUARE = {"lat": 52.37316, "lon": 4.89128, "accuracy_m": 15}


@pytest.fixture(params=["flat", "nested"])
def layout(request: pytest.FixtureRequest, places_file: Path, tmp_path: Path) -> LayoutName:
    """The operator's file is of one kind or the other; it takes the place of the last one."""
    made: LayoutName = request.param
    write_places(tmp_path / "next.mmdb", made).replace(places_file)
    return made


async def test_a_device_is_in_the_city_of_its_connection(shop: Shop, layout: LayoutName) -> None:
    """City, region and zone are known at the opt-in, from either kind of file, and no more exactly than they can be."""
    visitor = await Visitor(shop, AMSTERDAM).enrolled()

    kept = await visitor.shown()

    assert (kept["country"], kept["city"]) == ("NL", "Amsterdam")
    assert kept["region"] == {"flat": "North Holland", "nested": "NL-NH"}[layout]
    assert kept["location"] == {"lat": 52.4, "lon": 4.9, "by": "ip", "timezone": "Europe/Amsterdam", "at": None}


async def test_what_the_browser_says_of_its_zone_stands_beside_the_guess(shop: Shop) -> None:
    """A traveller's browser keeps the zone of home; an American of no known city gets no zone from the file."""
    traveller = await (await Visitor(shop, NEW_YORK).enrolled(timezone="Europe/Berlin")).shown()
    american = await (await Visitor(shop, NOWHERE_IN_AMERICA).enrolled()).shown()

    assert (traveller["timezone"], traveller["location"]["timezone"]) == ("Europe/Berlin", "America/New_York")
    assert (american["country"], american["city"], american["location"]) == ("US", None, None)


async def test_a_device_that_moved_is_where_it_is_now(shop: Shop) -> None:
    """Each visit brings the place up to date, as a whole: no city of yesterday in a country of today."""
    visitor = await Visitor(shop, AMSTERDAM).enrolled()
    visitor.address = SAO_PAULO
    await visitor.enrol()
    moved = await visitor.shown()
    visitor.address = NOWHERE_IN_AMERICA
    _, again = await visitor.change(tags={"plan": "gold"})

    assert (moved["country"], moved["city"]) == ("BR", "São Paulo")
    assert (again["country"], again["region"], again["city"], again["location"]) == ("US", None, None, None)


async def test_addresses_are_not_kept(shop: Shop) -> None:
    """Of an address its place is kept; the address itself is in no column of any table."""
    visitor = await Visitor(shop, AMSTERDAM).enrolled()

    row = await shop.world.db.fetchrow(
        "SELECT to_jsonb(s)::text AS all FROM subscriptions s WHERE id = $1", from_text("sub", visitor.id)
    )

    assert row is not None
    assert "Amsterdam" in row["all"]
    assert AMSTERDAM not in row["all"]


async def test_a_server_tells_nothing_of_its_devices_places(shop: Shop) -> None:
    """What a shop's server brings comes from the server's address: its devices are not all in the data centre."""
    visitor = await Visitor(shop, AMSTERDAM).enrolled()

    status, _, kept = await shop.call(
        "PATCH", f"/v1/subscriptions/{visitor.id}", {"tags": {"a": 1}}, headers={"X-Forwarded-For": NEW_YORK}
    )

    assert (status, kept["city"]) == (200, "Amsterdam")


async def test_a_position_is_kept_with_consent_only(shop: Shop) -> None:
    """What a device gives is taken where its person agreed to it, then or now, and never in silence otherwise."""
    visitor = Visitor(shop, AMSTERDAM)

    status, said = await visitor.enrol(location=DAM_SQUARE)
    assert (status, said["error"]["code"], said["error"]["param"]) == (422, "location_without_consent", "location")
    status, said = await visitor.enrol(location=DAM_SQUARE, consent={"text": "News"})
    assert (status, said["error"]["code"]) == (422, "location_without_consent")
    status, _ = await visitor.enrol(location=DAM_SQUARE, consent=AGREED)
    assert status == 201
    kept = await visitor.shown()
    assert (kept["location"]["lat"], kept["location"]["lon"], kept["location"]["by"]) == (52.373, 4.891, "device")

    status, kept = await visitor.change(location={"lat": -33.8688, "lon": 151.2093})
    assert (status, kept["location"]["timezone"], kept["country"]) == (200, "Australia/Sydney", "NL")


async def test_what_a_device_gave_wins_over_its_address(shop: Shop) -> None:
    """A later visit through another network does not put a guess into its place."""
    visitor = await Visitor(shop, AMSTERDAM).enrolled(consent=AGREED, location=DAM_SQUARE)
    visitor.address = NEW_YORK
    await visitor.enrol(consent={"text": "News"})

    kept = await visitor.shown()

    assert kept["location"]["by"] == "device"
    assert kept["location"]["lat"] == 52.373
    assert kept["city"] == "New York"
    assert kept["consent"]["location"] is True


@pytest.mark.parametrize("change", [{"location": None}, {"consent": {"text": "News only", "location": False}}])
async def test_a_position_is_forgotten_when_its_person_says_so(shop: Shop, change: dict[str, Any]) -> None:
    """By taking back the consent, or by asking to forget it; the guess takes its place at once."""
    visitor = await Visitor(shop, AMSTERDAM).enrolled(consent=AGREED, location=DAM_SQUARE)

    status, kept = await visitor.change(**change)

    assert status == 200
    assert kept["location"] == {"lat": 52.4, "lon": 4.9, "by": "ip", "timezone": "Europe/Amsterdam", "at": None}


async def test_positions_that_devices_gave_are_forgotten_after_a_month(shop: Shop) -> None:
    """The coarse things stay: country, city, zone."""
    old, new = [await Visitor(shop, AMSTERDAM).enrolled(consent=AGREED, location=DAM_SQUARE) for _ in range(2)]
    await shop.world.db.execute(
        "UPDATE subscriptions SET located_at = now() - interval '31 days' WHERE id = $1", from_text("sub", old.id)
    )

    await forget_old_positions(shop.world.db, days=30)

    forgotten, kept = await old.shown(), await new.shown()
    assert (forgotten["location"], forgotten["city"]) == (None, "Amsterdam")
    assert kept["location"]["by"] == "device"


@pytest.mark.parametrize(
    ("location", "param"),
    [
        ({"lat": 91, "lon": 0}, "location.lat"),
        ({"lat": 0, "lon": -180.5}, "location.lon"),
        ({"lat": 1e300, "lon": 0}, "location.lat"),
        ({"lat": 0, "lon": 0, "accuracy_m": -1}, "location.accuracy_m"),
        ({"lat": 0, "lon": 0, "accuracy_m": 1e9}, "location.accuracy_m"),
        ({"lat": "52", "lon": 0}, "location.lat"),
        ({"lat": 52}, "location.lon"),
        ({"lat": 52, "lon": 5, "alt": 3}, "location.alt"),
        ([52, 5], "location"),
    ],
)
async def test_positions_off_the_earth_are_refused(shop: Shop, location: Any, param: str) -> None:
    """With the field at fault; nothing of the opt-in is stored."""
    visitor = Visitor(shop, AMSTERDAM)

    status, said = await visitor.enrol(consent=AGREED, location=location)

    assert status == 422
    assert said["error"]["param"] == param
    assert await shop.world.db.fetchval("SELECT count(*) FROM subscriptions WHERE app_id = $1", shop.app.id) == 0
