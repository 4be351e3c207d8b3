"""Messages to places: a city, a region, a circle, a delivery zone."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.geo.files import AMSTERDAM, NEW_YORK, NOWHERE_IN_AMERICA, write_places
from tests.journeys.test_places import AGREED, DAM_SQUARE
from tests.journeys.visitors import Visitor
from tests.journeys.world import Shop

CANALS = [[4.85, 52.35], [4.93, 52.35], [4.93, 52.39], [4.85, 52.39], [4.85, 52.35]]
NETHERLANDS = [[3.2, 50.7], [7.3, 50.7], [7.3, 53.6], [3.2, 53.6], [3.2, 50.7]]

TWISTED = [[0, 0], [4, 3], [4, 0], [0, 2], [0, 0]]
AROUND = [[170, 0], [-170, 0], [-170, 5], [170, 0]]
ENDLESS = [[at / 1000, at % 7] for at in range(10_000)]


def polygon(*rings: Sequence[Sequence[float]]) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(rings)}


@pytest_asyncio.fixture(loop_scope="session")
async def people(shop: Shop, places_file: Path, tmp_path: Path) -> AsyncIterator[dict[str, Visitor]]:
    """One who gave a position on Dam Square, and three of whom only the address is known."""
    write_places(tmp_path / "next.mmdb").replace(places_file)
    yield {
        "on the square": await Visitor(shop, AMSTERDAM).enrolled(consent=AGREED, location=DAM_SQUARE),
        "in amsterdam": await Visitor(shop, AMSTERDAM).enrolled(),
        "in new york": await Visitor(shop, NEW_YORK).enrolled(),
        "in america": await Visitor(shop, NOWHERE_IN_AMERICA).enrolled(),
    }


async def reached(shop: Shop, people: dict[str, Visitor], **geo: Any) -> set[str]:
    """Who got a message to these places; the dry run had counted them."""
    order = {"audience": {"geo": geo}, "title": "Fresh bread"}
    status, _, before = await shop.call("POST", "/v1/messages?dry_run=true", order)
    assert status == 200, before
    message = await shop.send({"geo": geo})
    done = await shop.done(message)
    tokens = await shop.tokens_reached(message)
    assert done["counts"]["sent"] == before["audience"] == len(tokens)
    assert done["audience"]["geo"] == geo
    return {name for name, one in people.items() if one.device.token in tokens}


@pytest.mark.parametrize(
    ("geo", "names"),
    [
        ({"countries": ["NL"]}, {"on the square", "in amsterdam"}),
        ({"countries": ["US", "BE"]}, {"in new york", "in america"}),
        ({"regions": ["nl-nh"]}, {"on the square", "in amsterdam"}),
        ({"cities": ["new york", "Amsterdam"]}, {"on the square", "in amsterdam", "in new york"}),
        ({"cities": ["New York"], "countries": ["NL"]}, set()),
        ({"near": {"lat": 52.37, "lon": 4.9, "radius_km": 60}}, {"on the square", "in amsterdam"}),
        ({"near": {"lat": 52.37, "lon": 4.9, "radius_km": 10}}, {"on the square"}),
        ({"near": {"lat": 52.0, "lon": 4.3, "radius_km": 10}}, set()),
        ({"within": polygon(CANALS)}, {"on the square"}),
        ({"within": polygon(NETHERLANDS)}, {"on the square", "in amsterdam"}),
        ({"within": polygon(NETHERLANDS, CANALS)}, {"in amsterdam"}),
    ],
)
async def test_a_message_goes_to_those_who_are_there(
    shop: Shop, people: dict[str, Visitor], geo: dict[str, Any], names: set[str]
) -> None:
    """By country, region, city, circle and area; a small place counts those alone who gave their position."""
    assert await reached(shop, people, **geo) == names


async def test_the_dry_run_says_how_many_a_small_circle_leaves_out(shop: Shop, people: dict[str, Visitor]) -> None:
    """Of two in Amsterdam one is known by the address alone: the shop hears of it before it sends."""
    near = {"lat": 52.37, "lon": 4.9, "radius_km": 10}

    _, _, small = await shop.call(
        "POST", "/v1/messages?dry_run=true", {"audience": {"geo": {"near": near}}, "title": "x"}
    )
    _, _, large = await shop.call(
        "POST", "/v1/messages?dry_run=true", {"audience": {"geo": {"near": {**near, "radius_km": 60}}}, "title": "x"}
    )

    assert [text for text in small["warnings"] if "no evidence" in text] == [
        "An address is no evidence below 50 km: of devices that gave no position of their own, 1 are left out."
    ]
    assert not [text for text in large["warnings"] if "no evidence" in text]


@pytest.mark.parametrize(
    ("geo", "code", "param"),
    [
        ({}, "audience_invalid", "audience.geo"),
        ([], "field_invalid", "audience.geo"),
        ({"planets": ["Mars"]}, "field_unknown", "audience.geo.planets"),
        ({"countries": ["Netherlands"]}, "field_invalid", "audience.geo.countries[0]"),
        ({"countries": ["NL", "be"]}, "field_invalid", "audience.geo.countries[1]"),
        ({"countries": ["NL"] * 101}, "field_invalid", "audience.geo.countries"),
        ({"cities": [""]}, "field_invalid", "audience.geo.cities[0]"),
        ({"cities": ["A\x07B"]}, "field_invalid", "audience.geo.cities[0]"),
        ({"cities": ["A" * 101]}, "field_invalid", "audience.geo.cities[0]"),
        ({"regions": [" "]}, "field_invalid", "audience.geo.regions[0]"),
        ({"near": {"lat": 91, "lon": 0, "radius_km": 10}}, "area_invalid", "audience.geo.near.lat"),
        ({"near": {"lat": 0, "lon": 1e308, "radius_km": 10}}, "area_invalid", "audience.geo.near.lon"),
        ({"near": {"lat": 0, "lon": 0, "radius_km": 0}}, "field_invalid", "audience.geo.near.radius_km"),
        ({"near": {"lat": 0, "lon": 0, "radius_km": 1e9}}, "field_invalid", "audience.geo.near.radius_km"),
        ({"near": {"lat": "NaN", "lon": 0, "radius_km": 10}}, "field_invalid", "audience.geo.near.lat"),
        ({"near": {"lat": 0, "lon": 0}}, "field_missing", "audience.geo.near.radius_km"),
        ({"within": {"type": "Point", "coordinates": [4, 52]}}, "area_invalid", "audience.geo.within.type"),
        ({"within": polygon(TWISTED)}, "area_invalid", "audience.geo.within.coordinates"),
        ({"within": polygon(ENDLESS)}, "area_invalid", "audience.geo.within.coordinates[0]"),
        ({"within": polygon(AROUND)}, "area_invalid", "audience.geo.within.coordinates[0][1]"),
    ],
)
async def test_places_that_cannot_be_meant_are_refused(shop: Shop, geo: Any, code: str, param: str) -> None:
    """With the path of the fault; no message is made."""
    status, _, said = await shop.call("POST", "/v1/messages", {"audience": {"geo": geo}, "title": "x"})

    assert (status, said["error"]["code"], said["error"]["param"]) == (422, code, param)
    _, _, listed = await shop.call("GET", "/v1/messages")
    assert listed["data"] == []


async def test_numbers_that_are_none_are_no_json(shop: Shop) -> None:
    """JSON has no NaN; whoever writes one gets a 400, not a message to nobody."""
    body = b'{"audience": {"geo": {"near": {"lat": NaN, "lon": 0, "radius_km": 60}}}, "title": "x"}'
    headers = {"Authorization": f"Bearer {shop.api_key}", "Content-Type": "application/json"}
    async with shop.world.session.post(shop.world.url + "/v1/messages", data=body, headers=headers) as answer:
        assert answer.status == 400
