"""GeoJSON as shops paste it, and as attackers send it."""

import math
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.errors import Invalid
from gateway.policy.areas import check_degrees, geojson_of, parse_area

SQUARE = [[4, 52], [6, 52], [6, 53], [4, 53], [4, 52]]
BOW_TIE = [[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]
SPIKE = [[0, 0], [4, 0], [4, 4], [4, 6], [4, 4], [0, 4], [0, 0]]


def polygon(*rings: Any) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(rings)}


def multi(*polygons: Any) -> dict[str, Any]:
    return {"type": "MultiPolygon", "coordinates": list(polygons)}


def circle(corners: int) -> list[list[float]]:
    turns = [2 * math.pi * at / corners for at in range(corners)]
    ring = [[5 + math.cos(turn), 52 + math.sin(turn)] for turn in turns]
    return [*ring, ring[0]]


@pytest.mark.parametrize(
    "shape",
    [
        polygon(SQUARE),
        polygon(SQUARE[::-1]),
        polygon(SQUARE, [[4.5, 52.2], [5, 52.2], [5, 52.5], [4.5, 52.2]]),
        multi([SQUARE], [[[8, 54], [9, 54], [9, 55], [8, 54]]]),
        multi([[[179, 0], [180, 0], [180, 1], [179, 0]]], [[[-180, 0], [-179, 0], [-180, 1], [-180, 0]]]),
        polygon(circle(500)),
    ],
    ids=["square", "clockwise", "hole", "two", "cut at the antimeridian", "500 corners"],
)
def test_what_tools_write_is_read(shape: dict[str, Any]) -> None:
    """Either winding, holes, several polygons; and it comes back as it went in."""
    area = parse_area(shape, "audience.geo.within")
    assert parse_area(geojson_of(area), "again") == area


def test_corners_are_kept_to_a_centimetre() -> None:
    """Numbers next to nothing would be no finer a place, and the database refuses to reckon with them."""
    area = parse_area(polygon([[1e-240, 5e-324], [2.00000001, 0], [2, 2], [1e-240, 5e-324]]), "p")
    assert area.polygons == ((((0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 0.0)),),)


def test_altitudes_are_dropped() -> None:
    """Some tools write a third number."""
    flat, high = (parse_area(polygon([[*one, *extra] for one in SQUARE]), "p") for extra in ([], [12.5]))
    assert flat == high


@pytest.mark.parametrize(
    ("shape", "param", "words"),
    [
        (None, "w", "GeoJSON object"),
        ([], "w", "GeoJSON object"),
        ({"type": "Point", "coordinates": [4, 52]}, "w.type", "Polygon or MultiPolygon"),
        ({"type": "Polygon"}, "w.coordinates", "at least one ring"),
        (polygon(), "w.coordinates", "at least one ring"),
        (polygon("x"), "w.coordinates[0]", "four positions"),
        (polygon(SQUARE[:3]), "w.coordinates[0]", "four positions"),
        (polygon(SQUARE[:4]), "w.coordinates[0][3]", "closed"),
        (polygon([[4, 52], [6, 52], [6], [4, 53], [4, 52]]), "w.coordinates[0][2]", "longitude, latitude"),
        (polygon([[4, 52], [6, 52], [True, 53], [4, 53], [4, 52]]), "w.coordinates[0][2]", "longitude, latitude"),
        (polygon([[4, 52], [6, 52], ["6", 53], [4, 53], [4, 52]]), "w.coordinates[0][2]", "longitude, latitude"),
        (polygon([[4, 52], [6, 91], [6, 53], [4, 52]]), "w.coordinates[0][1]", "-90 to 90"),
        (polygon([[4, 52], [6, math.nan], [6, 53], [4, 52]]), "w.coordinates[0][1]", "-90 to 90"),
        (polygon([[4, 52], [math.inf, 52], [6, 53], [4, 52]]), "w.coordinates[0][1]", "-180 to 180"),
        (polygon([[4, 52], [10**400, 52], [6, 53], [4, 52]]), "w.coordinates[0][1]", "-180 to 180"),
        (polygon([[4, 52], [4, 52], [6, 53], [4, 52]]), "w.coordinates[0][1]", "twice"),
        (polygon([[170, 0], [-170, 0], [-170, 5], [170, 5], [170, 0]]), "w.coordinates[0][1]", "antimeridian"),
        (polygon([[0, 0], [1, 1], [2, 2], [0, 0]]), "w.coordinates", "no inside"),
        (polygon(BOW_TIE), "w.coordinates", "no inside"),
        (polygon([[0, 0], [4, 3], [4, 0], [0, 2], [0, 0]]), "w.coordinates", "cross"),
        (polygon(SPIKE), "w.coordinates", "cross or touch"),
        (polygon(SQUARE, [[5, 52.5], [7, 52.5], [5, 52.7], [5, 52.5]]), "w.coordinates", "cross"),
        (polygon(SQUARE, [[7, 52.5], [8, 52.5], [7, 52.7], [7, 52.5]]), "w.coordinates", "hole"),
        (multi([circle(300)], [circle(300)]), "w.coordinates", "500 corners"),
        (polygon(circle(10_000)), "w.coordinates[0]", "500 corners"),
        (multi(*[[SQUARE]] * 17), "w", "16 rings"),
        (multi(*[[SQUARE] * 9] * 2), "w.coordinates", "16 rings"),
        (multi(SQUARE), "w.coordinates[0][0]", "four positions"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_place(shape: Any, param: str, words: str) -> None:
    """Each fault names the very position, and what would be right."""
    with pytest.raises(Invalid) as refused:
        parse_area(shape, "w")
    assert (refused.value.code, refused.value.param) == ("area_invalid", param)
    assert words in refused.value.message


def test_the_worst_area_takes_a_blink() -> None:
    """500 corners whose sides all overlap: every pair is compared, and nobody waits for it."""
    teeth = [point for at in range(248) for point in ([at * 0.01, 0.0], [at * 0.01 + 40.005, 50.0])]
    ring = [*teeth, [100, -1], [-1, -1], teeth[0]]
    began = time.process_time()
    parse_area(polygon(ring), "w")
    assert time.process_time() - began < 1.0


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=3), lambda inner: st.lists(inner, max_size=6)
    )
)
def test_nonsense_is_refused_and_nothing_else_happens(coordinates: Any) -> None:
    """Whatever stands where coordinates belong, the answer is a refusal with its place."""
    for kind in ("Polygon", "MultiPolygon"):
        with pytest.raises(Invalid):
            parse_area({"type": kind, "coordinates": coordinates}, "w")


@pytest.mark.parametrize(
    ("lat", "lon", "param"), [(91, 0, "p.lat"), (math.nan, 0, "p.lat"), (0, -180.1, "p.lon"), (0, math.nan, "p.lon")]
)
def test_degrees_off_the_earth_are_refused(lat: float, lon: float, param: str) -> None:
    """The field at fault is named."""
    with pytest.raises(Invalid) as refused:
        check_degrees(lat, lon, "p")
    assert refused.value.param == param
