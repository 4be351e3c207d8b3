"""An area as GeoJSON has it, read and checked: what cannot be meant is refused with the place of the fault.

RFC 7946: positions are [longitude, latitude], perhaps with an altitude, which is dropped; rings are closed (3.1.6); a
polygon that crosses the antimeridian is cut in two there (3.1.9). Either winding is taken, as that section asks.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

from gateway.model.errors import Invalid
from gateway.model.limits import AREA_RINGS_MAX, AREA_VERTICES_MAX, POSITION_ASKED_DECIMALS
from gateway.model.place import Area, Corner, Geo, Polygon, Ring
from gateway.policy.places import is_in_ring

_RING_CORNERS_MIN: Final = 4
_ALTITUDE_TOO: Final = 3
_HALF_TURN: Final = 180.0
_LON_MAX: Final = 180.0
_LAT_MAX: Final = 90.0
_NOTHING: Final = 1e-12
"""Square degrees: a hundredth of a square metre at the equator."""


class _Side(NamedTuple):
    """A side, its box first: sides are sorted by their western end."""

    west: float
    east: float
    south: float
    north: float
    start: Corner
    end: Corner
    ring: int
    place: int
    sides: int
    """Sides of its ring."""


def parse_area(shape: object, param: str) -> Area:
    """The area of a GeoJSON Polygon or MultiPolygon. Raises `Invalid` with the dotted path of what is wrong."""
    match shape:
        case {"type": "Polygon", "coordinates": [_, *_] as rings}:
            polygons = [_polygon(rings, f"{param}.coordinates")]
        case {"type": "MultiPolygon", "coordinates": [_, *_] as many}:
            _check_count(len(many), param)
            polygons = [_polygon(rings, f"{param}.coordinates[{at}]") for at, rings in enumerate(many)]
        case {"type": "Polygon" | "MultiPolygon"}:
            raise _fault("An area has at least one ring of coordinates.", f"{param}.coordinates")
        case Mapping():
            raise _fault("An area is a GeoJSON Polygon or MultiPolygon.", f"{param}.type")
        case _:
            raise _fault("An area is a GeoJSON object.", param)
    _check_size(polygons, param)
    for polygon in polygons:
        _check_sides(polygon, f"{param}.coordinates")
    return Area(tuple(polygons))


def check_degrees(lat: float, lon: float, param: str) -> None:
    """Raises `Invalid` for what is no place on earth. NaN is none."""
    if not -_LAT_MAX <= lat <= _LAT_MAX:
        raise _fault("A latitude is -90 to 90 degrees.", f"{param}.lat")
    if not -_LON_MAX <= lon <= _LON_MAX:
        raise _fault("A longitude is -180 to 180 degrees.", f"{param}.lon")


def _polygon(rings: object, param: str) -> Polygon:
    if not isinstance(rings, list) or not rings:
        raise _fault("A polygon is a list of rings.", param)
    _check_count(len(rings), param)
    return tuple(_ring(ring, f"{param}[{at}]") for at, ring in enumerate(rings))


def _ring(ring: object, param: str) -> Ring:
    if not isinstance(ring, list) or len(ring) < _RING_CORNERS_MIN:
        raise _fault("A ring has at least four positions, the last of them the first again.", param)
    if len(ring) > AREA_VERTICES_MAX + 1:
        raise _too_many(param)
    corners = tuple(_corner(one, f"{param}[{at}]") for at, one in enumerate(ring))
    if corners[0] != corners[-1]:
        raise _fault("A ring is closed: its last position is its first again.", f"{param}[{len(corners) - 1}]")
    for at, (one, other) in enumerate(pairwise(corners)):
        if abs(one[0] - other[0]) > _HALF_TURN:
            raise _fault(
                "This side goes round the earth. Cut the polygon in two at the antimeridian (RFC 7946, section 3.1.9).",
                f"{param}[{at + 1}]",
            )
        if one == other:
            raise _fault("This position stands there twice in a row.", f"{param}[{at + 1}]")
    return corners


def _corner(position: object, param: str) -> Corner:
    match position:
        case [int() | float() as lon, int() | float() as lat, *rest] if (
            len(rest) <= _ALTITUDE_TOO - 2 and not isinstance(lon, bool) and not isinstance(lat, bool)
        ):
            pass
        case _:
            raise _fault("A position is [longitude, latitude].", param)
    if not (abs(lon) <= _LON_MAX and abs(lat) <= _LAT_MAX):
        raise _fault("A position is a longitude of -180 to 180 and a latitude of -90 to 90 degrees.", param)
    return round(float(lon), POSITION_ASKED_DECIMALS), round(float(lat), POSITION_ASKED_DECIMALS)


def _check_count(rings: int, param: str) -> None:
    if rings > AREA_RINGS_MAX:
        raise _fault(f"An area has at most {AREA_RINGS_MAX} rings.", param)


def _check_size(polygons: Sequence[Polygon], param: str) -> None:
    rings = [ring for polygon in polygons for ring in polygon]
    _check_count(len(rings), f"{param}.coordinates")
    if sum(len(ring) - 1 for ring in rings) > AREA_VERTICES_MAX:
        raise _too_many(f"{param}.coordinates")


def _check_sides(polygon: Polygon, param: str) -> None:
    outer, *holes = polygon
    for ring in polygon:
        if math.isclose(_signed_area(ring), 0.0, abs_tol=_NOTHING):
            raise _fault("A ring has no inside.", param)
    _check_crossings(polygon, param)
    for hole in holes:
        if not any(is_in_ring(outer, lat, lon) for lon, lat in hole):
            raise _fault("A hole lies outside its polygon.", param)


def _signed_area(ring: Ring) -> float:
    """In square degrees; relative to the first corner, so that small areas far from 0, 0 keep their digits."""
    lon, lat = ring[0]
    return sum((a[0] - lon) * (b[1] - lat) - (b[0] - lon) * (a[1] - lat) for a, b in pairwise(ring)) / 2.0


def _check_crossings(polygon: Polygon, param: str) -> None:
    """No two sides cross, and a ring does not touch itself.

    Rings may touch one another. Of sorted sides only those are compared whose longitudes overlap.
    """
    ordered = sorted(_sides(polygon))
    for at, one in enumerate(ordered):
        for other in _overlapping(ordered, at):
            if _is_fault(one, other):
                lon, lat = one.start
                raise _fault(f"Two sides cross or touch, one of them from [{lon:g}, {lat:g}].", param)


def _overlapping(ordered: Sequence[_Side], at: int) -> Iterator[_Side]:
    one = ordered[at]
    for place in range(at + 1, len(ordered)):
        other = ordered[place]
        if other.west > one.east:
            return
        if other.south <= one.north and other.north >= one.south:
            yield other


def _sides(polygon: Polygon) -> Iterator[_Side]:
    for number, ring in enumerate(polygon):
        for place, (start, end) in enumerate(pairwise(ring)):
            west, east = sorted((start[0], end[0]))
            south, north = sorted((start[1], end[1]))
            yield _Side(west, east, south, north, start, end, number, place, len(ring) - 1)


def _is_fault(one: _Side, other: _Side) -> bool:
    is_same_ring = one.ring == other.ring
    if is_same_ring and (one.place - other.place) % one.sides in (1, one.sides - 1):
        # Neighbours share a corner by right. Two that fold back onto each other are found by the side after them.
        return False
    to_start, to_end = _turn(one, other.start), _turn(one, other.end)
    if to_start * to_end > 0.0:
        return False
    from_start, from_end = _turn(other, one.start), _turn(other, one.end)
    if to_start * to_end < 0.0 and from_start * from_end < 0.0:
        return True
    return is_same_ring and (
        (to_start == 0.0 and _is_between(one, other.start))
        or (to_end == 0.0 and _is_between(one, other.end))
        or (from_start == 0.0 and _is_between(other, one.start))
        or (from_end == 0.0 and _is_between(other, one.end))
    )


def _turn(side: _Side, point: Corner) -> float:
    """Above 0: the point is to the left of the way along the side."""
    (lon_a, lat_a), (lon_b, lat_b) = side.start, side.end
    return (lon_b - lon_a) * (point[1] - lat_a) - (lat_b - lat_a) * (point[0] - lon_a)


def _is_between(side: _Side, point: Corner) -> bool:
    return side.west <= point[0] <= side.east and side.south <= point[1] <= side.north


def _too_many(param: str) -> Invalid:
    return _fault(f"An area has at most {AREA_VERTICES_MAX} corners; a simpler outline does.", param)


def _fault(why: str, param: str) -> Invalid:
    return Invalid("area_invalid", why, param=param)


def words_of(geo: Geo) -> dict[str, Any]:
    """The places of an audience as the API has them; what is not asked for is left out."""
    near, within = geo.near, geo.within
    words: dict[str, Any] = {
        "countries": geo.countries,
        "regions": geo.regions,
        "cities": geo.cities,
        "near": None if near is None else {"lat": near.lat, "lon": near.lon, "radius_km": near.radius_km},
        "within": None if within is None else geojson_of(within),
    }
    return {name: value for name, value in words.items() if value}


def geojson_of(area: Area) -> dict[str, Any]:
    """The area as it came."""
    polygons = [[[list(corner) for corner in ring] for ring in polygon] for polygon in area.polygons]
    if len(polygons) == 1:
        return {"type": "Polygon", "coordinates": polygons[0]}
    return {"type": "MultiPolygon", "coordinates": polygons}
