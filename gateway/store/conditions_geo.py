"""Where a device has to be, as a WHERE condition on its row. `policy/places.py` says the same in Python.

Every part is true or false, never NULL, so that it may stand behind a NOT: a device of which nothing is known is not
there. The first half of each part is what its partial index demands to be used.
"""

from collections.abc import Callable, Iterable
from typing import LiteralString

from gateway.model.geometry import EARTH_RADIUS_KM, Box, box_around, box_of, needs_device
from gateway.model.place import Area, Geo, Near, Polygon, Ring, place_key

Value = Callable[[object], LiteralString]
"""Makes an argument of a value, and gives its placeholder."""


def geo_condition(geo: Geo, value: Value) -> LiteralString:
    """The condition, in brackets. Indexes: subscriptions_position, subscriptions_city."""
    parts: list[LiteralString] = []
    if geo.countries:
        parts.append("country IS NOT NULL AND country = ANY(" + value(list(geo.countries)) + "::text[])")
    if geo.regions:
        parts.append("region_key IS NOT NULL AND region_key = ANY(" + value(_keys(geo.regions)) + "::text[])")
    if geo.cities:
        parts.append("city_key IS NOT NULL AND city_key = ANY(" + value(_keys(geo.cities)) + "::text[])")
    if geo.near is not None:
        parts.append(_in_circle(geo.near, value))
    if geo.within is not None:
        parts.append(_in_area(geo.within, value))
    if needs_device(geo):
        parts.append("located_by IS NOT DISTINCT FROM 2")
    return "(" + " AND ".join(parts) + ")" if parts else "TRUE"


def _keys(names: Iterable[str]) -> list[str]:
    return [place_key(name) for name in names]


def _in_circle(near: Near, value: Value) -> LiteralString:
    lat, lon = value(near.lat) + "::float8", value(near.lon) + "::float8"
    return (
        _in_box(box_around(near), value)
        + " AND "
        + value(2.0 * EARTH_RADIUS_KM)
        + "::float8 * asin(least(1, sqrt(power(sin(radians(lat - "
        + lat
        + ") / 2), 2) + cos(radians("
        + lat
        + ")) * cos(radians(lat)) * power(sin(radians(lon - "
        + lon
        + ") / 2), 2)))) <= "
        + value(near.radius_km)
        + "::float8"
    )


def _in_area(area: Area, value: Value) -> LiteralString:
    polygons: list[LiteralString] = [_in_polygon(polygon, value) for polygon in area.polygons]
    return _in_box(box_of(area), value) + " AND (" + " OR ".join(polygons) + ")"


def _in_polygon(polygon: Polygon, value: Value) -> LiteralString:
    outer, *holes = polygon
    sql = _in_ring(outer, value)
    for hole in holes:
        sql += " AND NOT " + _in_ring(hole, value)
    return "(" + sql + ")"


def _in_ring(ring: Ring, value: Value) -> LiteralString:
    # As an argument of its own type the polygon is unpacked once for a statement, not once for a row.
    return "point(lon, lat) <@ " + value(ring[:-1]) + "::polygon"


def _in_box(box: Box, value: Value) -> LiteralString:
    spans: list[LiteralString] = [
        "lon BETWEEN " + value(west) + "::float8 AND " + value(east) + "::float8" for west, east in box.spans
    ]
    return (
        "lat IS NOT NULL AND lon IS NOT NULL AND lat BETWEEN "
        + value(box.south)
        + "::float8 AND "
        + value(box.north)
        + "::float8 AND ("
        + " OR ".join(spans)
        + ")"
    )
