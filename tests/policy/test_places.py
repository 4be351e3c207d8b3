"""Circles and polygons on the ground, and what a position guessed from an address proves."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.geometry import box_around, box_of, distance_km, is_too_small, reach_km
from gateway.model.place import Area, Geo, LocatedBy, Near, Whereabouts, place_key
from gateway.policy.places import contains, is_there

AMSTERDAM = (52.3728, 4.8936)
UTRECHT = (52.0908, 5.1222)
LATS = st.floats(-90, 90)
LONS = st.floats(-180, 180)
SQUARE = Area(((((4.0, 52.0), (6.0, 52.0), (6.0, 53.0), (4.0, 53.0), (4.0, 52.0)),),))
BLOCK = Area(((((4.0, 52.0), (4.01, 52.0), (4.01, 52.01), (4.0, 52.01), (4.0, 52.0)),),))


def near(lat: float, lon: float, radius_km: float) -> Near:
    return Near(lat=lat, lon=lon, radius_km=radius_km)


@pytest.mark.parametrize(
    ("one", "other", "km"),
    [
        (AMSTERDAM, UTRECHT, 35.0),
        ((48.8566, 2.3522), (40.7128, -74.0060), 5837.0),
        ((0.0, 179.9), (0.0, -179.9), 22.2),
        ((90.0, 0.0), (-90.0, 77.0), 20015.0),
        (AMSTERDAM, AMSTERDAM, 0.0),
    ],
)
def test_distances_are_those_of_the_atlas(one: tuple[float, float], other: tuple[float, float], km: float) -> None:
    """Within half a percent, also across the antimeridian and from pole to pole."""
    assert distance_km(*one, *other) == pytest.approx(km, rel=0.005, abs=1e-9)


@given(lat=LATS, lon=LONS, radius_km=st.floats(0.1, 20_037), bearing=st.floats(0, 2 * math.pi), part=st.floats(0, 1))
def test_a_box_holds_all_of_its_circle(lat: float, lon: float, radius_km: float, bearing: float, part: float) -> None:
    """Nobody within the radius is lost because the box was asked first."""
    angle = radius_km * part / 6371.0088
    start = math.radians(lat)
    there = math.asin(
        max(-1.0, min(1.0, math.sin(start) * math.cos(angle) + math.cos(start) * math.sin(angle) * math.cos(bearing)))
    )
    turn = math.atan2(
        math.sin(bearing) * math.sin(angle) * math.cos(start), math.cos(angle) - math.sin(start) * math.sin(there)
    )
    found_lat, found_lon = math.degrees(there), (lon + math.degrees(turn) + 540.0) % 360.0 - 180.0
    if distance_km(lat, lon, found_lat, found_lon) > radius_km:
        return

    box = box_around(near(lat, lon, radius_km))

    assert box.south <= found_lat <= box.north
    assert any(west <= found_lon <= east for west, east in box.spans)


def test_a_box_is_not_the_whole_world() -> None:
    """Negative control: a small circle has a small box, in two parts across the antimeridian."""
    box = box_around(near(52.0, 5.0, 10.0))
    assert box.north - box.south < 0.2
    ((west, east),) = box.spans
    assert east - west < 0.4

    for lon in (179.9, -179.9):
        (start, _), (_, end) = spans = sorted(box_around(near(0.0, lon, 50.0)).spans)
        assert (start, end) == (-180.0, 180.0)
        assert sum(east - west for west, east in spans) == pytest.approx(0.9, abs=0.01)


@given(
    lat=st.floats(52.0, 53.0, exclude_min=True, exclude_max=True),
    lon=st.floats(4.0, 6.0, exclude_min=True, exclude_max=True),
)
def test_what_is_inside_a_square_is_contained(lat: float, lon: float) -> None:
    """Every point of the inside, wherever it is."""
    assert contains(SQUARE, lat, lon)
    assert not contains(SQUARE, lat, lon + 2.5)
    assert not contains(SQUARE, lat - 1.0, lon)


def test_a_hole_is_outside_and_two_polygons_are_one_area() -> None:
    """A delivery zone without its pedestrian centre, and an island that belongs to it."""
    hole = ((4.5, 52.2), (5.5, 52.2), (5.5, 52.8), (4.5, 52.8), (4.5, 52.2))
    island = ((8.0, 54.0), (8.1, 54.0), (8.1, 54.1), (8.0, 54.0))
    area = Area(((SQUARE.polygons[0][0], hole), (island,)))

    assert contains(area, 52.1, 5.0)
    assert not contains(area, 52.5, 5.0)
    assert contains(area, 54.02, 8.05)
    assert box_of(area).spans == ((4.0, 8.1),)


@pytest.mark.parametrize(("radius_km", "guess_counts"), [(49.9, False), (50.0, True), (300.0, True)])
def test_a_guess_from_an_address_counts_in_large_circles_only(radius_km: float, *, guess_counts: bool) -> None:
    """Below 50 km an address proves nothing, so only what devices say themselves counts."""
    geo = Geo(near=near(*AMSTERDAM, radius_km))
    guessed = Whereabouts(lat=52.4, lon=4.9, located_by=LocatedBy.IP)
    given_by_device = Whereabouts(lat=52.4, lon=4.9, located_by=LocatedBy.DEVICE)

    assert is_there(geo, guessed) is guess_counts
    assert is_there(geo, given_by_device)


def test_an_area_as_small_is_held_to_the_same() -> None:
    """A polygon around one block is no better evidence than a small circle."""
    guessed = Whereabouts(lat=52.005, lon=4.005, located_by=LocatedBy.IP)

    assert is_too_small(BLOCK)
    assert not is_there(Geo(within=BLOCK), guessed)
    assert is_there(Geo(within=BLOCK, counts_guesses=True), guessed)
    assert not is_too_small(SQUARE)
    assert is_there(Geo(within=SQUARE), guessed)
    assert reach_km(SQUARE) == pytest.approx(88.0, abs=1.0)


def test_selectors_are_joined_by_and_and_lists_by_or() -> None:
    """Unknown is not met: a device without a city is in no city."""
    geo = Geo(countries=("NL", "BE"), cities=("Utrecht", "GENT"))

    assert is_there(geo, Whereabouts(country="BE", city="Gent"))
    assert not is_there(geo, Whereabouts(country="FR", city="Gent"))
    assert not is_there(geo, Whereabouts(country="NL"))
    assert not is_there(Geo(near=near(52, 5, 100)), Whereabouts(country="NL"))
    assert is_there(Geo(regions=("nl-NH",)), Whereabouts(region="NL-NH"))


@pytest.mark.parametrize(
    ("one", "other"), [("São Paulo", "sao  paulo"), ("Köln", "KOLN"), ("STRASSE", "straße"), (" Den Haag", "den haag")]
)
def test_names_are_compared_as_people_type_them(one: str, other: str) -> None:
    """Accents, case and spaces make no difference; letters do."""
    assert place_key(one) == place_key(other)
    assert place_key(one) != place_key(other + "x")
