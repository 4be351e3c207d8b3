"""Where devices are: Postgres and Python have to agree on each of them."""

import math
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise
from typing import NamedTuple

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from gateway.model.app import App
from gateway.model.audience import Audience
from gateway.model.geometry import box_of, distance_km
from gateway.model.limits import POSITION_ASKED_DECIMALS
from gateway.model.place import Area, Geo, LocatedBy, Near, Ring, Whereabouts, place_key
from gateway.model.segment import Names
from gateway.policy.places import is_there
from gateway.store import audiences
from gateway.store.conditions import Condition
from gateway.store.database import Database
from tests.store.rows import drawn_ids, enrol, make_app
from tests.store.test_audiences import SOON

CITIES = ["Utrecht", "São Paulo", "New York", None]
REGIONS = ["NL-UT", "North Holland", None]
COUNTRIES = ["NL", "BR", "US", None]
SHARP = 2e-6
"""Degrees from a side within which Postgres calls a point both in and out: 20 cm."""


class People:
    """Devices all over the world, and where each of them is."""

    def __init__(self, db: Database, app: App, places: dict[int, Whereabouts]) -> None:
        self.db = db
        self.app = app
        self.places = places


def somewhere(dice: random.Random) -> Whereabouts:
    """A device of which much, little or nothing is known, often near the edges of the world."""
    lat = dice.choice([dice.uniform(51, 54), dice.uniform(-90, 90), dice.choice([-90.0, 90.0, 0.0])])
    lon = dice.choice([dice.uniform(3, 7), dice.uniform(-180, 180), dice.choice([-180.0, 180.0, 179.95, -179.95, 0.0])])
    located_by = dice.choice([LocatedBy.IP, LocatedBy.DEVICE, None])
    return Whereabouts(
        country=dice.choice(COUNTRIES),
        region=dice.choice(REGIONS),
        city=dice.choice(CITIES),
        lat=None if located_by is None else lat,
        lon=None if located_by is None else lon,
        located_by=located_by,
    )


async def put(db: Database, number: int, where: Whereabouts) -> Whereabouts:
    """Writes it; what the row then holds, in Postgres' own precision."""
    row = await db.fetchrow(
        """
        UPDATE subscriptions SET country = $2, region = $3, region_key = $4, city = $5, city_key = $6, lat = $7,
                                 lon = $8, located_by = $9
        WHERE id = $1 RETURNING lat, lon
        """,
        number,
        where.country,
        where.region,
        None if where.region is None else place_key(where.region),
        where.city,
        None if where.city is None else place_key(where.city),
        where.lat,
        where.lon,
        where.located_by,
    )
    assert row is not None
    return Whereabouts(
        country=where.country, region=where.region, city=where.city, lat=row["lat"], lon=row["lon"],
        located_by=where.located_by,
    )  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def people(shared_database: Database) -> AsyncIterator[People]:
    """Three hundred devices all over the world."""
    app = await make_app(shared_database, spread=4)
    dice = random.Random(11)
    numbers = await enrol(shared_database, app, drawn_ids(300, seed=11))
    places = {number: await put(shared_database, number, somewhere(dice)) for number in numbers}
    yield People(shared_database, app, places)


async def found(people: People, geo: Geo) -> set[int]:
    """Whom sending would read."""
    db, app = people.db, people.app
    audience = Audience(geo=geo)
    numbers: set[int] = set()
    for bucket in app.buckets:
        devices = await audiences.read_range(
            db, app_id=app.id, bucket=bucket, after=-1, up_to=2**62, planned_at=SOON + timedelta(days=1),
            audience=audience, names=Names(), limit=500,
        )  # fmt: skip
        numbers |= {device.subscription_id for device in devices}
    slices = await audiences.count_slices(
        db, app_id=app.id, buckets=app.buckets, audience=audience, names=Names(), now=SOON
    )
    assert sum(one.recipients for one in slices) == len(numbers)
    return numbers


def named(values: list[str | None]) -> st.SearchStrategy[tuple[str, ...]]:
    wanted = [value.upper() for value in values if value is not None]
    return st.lists(st.sampled_from(wanted), max_size=2, unique=True).map(tuple)


TINY = 10.0**-POSITION_ASKED_DECIMALS
LATS = st.floats(-90, 90).map(lambda lat: round(lat, 7)) | st.sampled_from([52.37, -90.0, 90.0, 0.0, TINY, -TINY])
LONS = st.floats(-180, 180).map(lambda lon: round(lon, 7)) | st.sampled_from([4.9, -180.0, 180.0, 179.9, TINY, -TINY])
RADII = st.sampled_from([0.1, 10, 49.9, 50, 300, 5_000, 19_000, 20_037]) | st.floats(0.1, 20_037)
NEARS = st.builds(lambda lat, lon, radius_km: Near(lat=lat, lon=lon, radius_km=radius_km), LATS, LONS, RADII)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(near=NEARS)
async def test_a_circle_holds_the_same_devices_in_sql_and_in_python(people: People, near: Near) -> None:
    """Across the antimeridian, around the poles, small and as large as the earth."""
    places = people.places
    for place in places.values():
        if place.lat is not None and place.lon is not None:
            assume(abs(distance_km(near.lat, near.lon, place.lat, place.lon) - near.radius_km) > 1e-6)
    geo = Geo(near=near)

    assert await found(people, geo) == {number for number, place in places.items() if is_there(geo, place)}


def star(lat: float, lon: float, size: float, arms: int, dice: random.Random) -> Ring:
    """A polygon that does not cross itself, with deep bays."""
    turns = [2 * math.pi * at / arms for at in range(arms)]
    corners = [
        (lon + math.cos(turn) * size * dice.uniform(0.2, 1.0), lat + math.sin(turn) * size * dice.uniform(0.2, 1.0))
        for turn in turns
    ]
    return (*corners, corners[0])


def is_on_the_edge(area: Area, place: Whereabouts) -> bool:
    if place.lat is None or place.lon is None:
        return False
    point = place.lon, place.lat
    rings = (ring for polygon in area.polygons for ring in polygon)
    return any(_distance(side, point) < SHARP for ring in rings for side in pairwise(ring))


def _distance(side: tuple[tuple[float, float], tuple[float, float]], point: tuple[float, float]) -> float:
    (ax, ay), (bx, by) = side
    length = (bx - ax) ** 2 + (by - ay) ** 2
    along = max(0.0, min(1.0, ((point[0] - ax) * (bx - ax) + (point[1] - ay) * (by - ay)) / length))
    return math.hypot(point[0] - ax - along * (bx - ax), point[1] - ay - along * (by - ay))


class Shape(NamedTuple):
    """What an area is drawn by."""

    lat: float
    lon: float
    size: float
    arms: int
    has_hole: bool
    seed: int

    def drawn(self) -> Area:
        """The area, with an island beside it."""
        dice = random.Random(self.seed)
        outer = star(self.lat, self.lon, self.size, self.arms, dice)
        holes = [star(self.lat, self.lon, self.size * 0.15, 5, dice)] if self.has_hole else []
        return Area(((outer, *holes), (star(self.lat, self.lon + 2 * self.size, self.size / 2, 4, dice),)))


SHAPES = st.builds(
    Shape,
    lat=st.floats(-40, 60) | st.just(52.5),
    lon=st.floats(-130, 130) | st.just(5.0),
    size=st.sampled_from([0.05, 0.4, 1.5, 20.0]),
    arms=st.integers(3, 40),
    has_hole=st.booleans(),
    seed=st.integers(0, 10_000),
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shape=SHAPES)
async def test_an_area_holds_the_same_devices_in_sql_and_in_python(people: People, shape: Shape) -> None:
    """With bays, with a hole, with an island; small ones for those who gave their position alone."""
    places = people.places
    area = shape.drawn()
    assume(not any(is_on_the_edge(area, place) for place in places.values()))
    geo = Geo(within=area)

    assert await found(people, geo) == {number for number, place in places.items() if is_there(geo, place)}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    countries=named(COUNTRIES),
    regions=named(REGIONS),
    cities=named(CITIES),
    near=st.none() | st.just(Near(lat=52, lon=5, radius_km=400)),
)
async def test_names_mean_the_same_in_sql_and_in_python(
    people: People,
    countries: tuple[str, ...],
    regions: tuple[str, ...],
    cities: tuple[str, ...],
    near: Near | None,
) -> None:
    """In whatever case they are typed; and together with a circle."""
    places = people.places
    geo = Geo(countries=countries, regions=regions, cities=cities, near=near)

    assert await found(people, geo) == {number for number, place in places.items() if is_there(geo, place)}


TRIANGLE = Area((((((3.0, 51.0), (7.0, 51.0), (7.0, 54.0), (3.0, 51.0)),)),))


@pytest.mark.parametrize(
    "geo",
    [
        Geo(cities=("Utrecht",)),
        Geo(countries=("NL",)),
        Geo(regions=("NL-UT",)),
        Geo(near=Near(lat=52, lon=5, radius_km=10)),
        Geo(within=TRIANGLE),
    ],
)
async def test_who_is_not_there_is_elsewhere(people: People, geo: Geo) -> None:
    """An audience that leaves a city out has everybody else in it, also those of whom nothing is known."""
    condition = Condition(first=2, names=Names(), now=SOON)
    where = condition.of(Audience(geo=geo))
    elsewhere = await people.db.fetch(
        "SELECT id FROM subscriptions WHERE app_id = $1 AND NOT (" + where + ")",  # noqa: S608 - joined from literals
        people.app.id,
        *condition.args,
    )

    assert {row["id"] for row in elsewhere} == set(people.places) - await found(people, geo)
    assert elsewhere


def test_boxes_of_areas_are_asked_first() -> None:
    """Nobody outside the box is compared with each side."""
    assert box_of(TRIANGLE).spans == ((3.0, 7.0),)
