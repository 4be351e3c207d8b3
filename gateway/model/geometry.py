"""Circles and polygons on the ground: distances, boxes, sizes.

Distances are those of a sphere (the haversine formula, which stays exact for small ones; R. W. Sinnott, "Virtues of the
Haversine", Sky and Telescope 68, 1984) with the mean radius of the earth: off by 0.5 % at most.
"""

import math
from typing import Final

import msgspec

from gateway.model.limits import PLACE_IP_RADIUS_KM_MIN
from gateway.model.place import Area, Geo, Near

EARTH_RADIUS_KM: Final = 6371.0088
"""IUGG: (2a + b) / 3."""
_DEGREE_KM: Final = math.pi * EARTH_RADIUS_KM / 180.0
_BOX_MARGIN: Final = 1e-6
"""Degrees that a box is larger than its circle: rounding must not cut off who is on the edge."""
_POLE: Final = 90.0
_HALF_TURN: Final = 180.0


class Box(msgspec.Struct, frozen=True):
    """Latitudes from south to north, and one or two spans of longitudes (two across the antimeridian)."""

    south: float
    north: float
    spans: tuple[tuple[float, float], ...]


def distance_km(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """The way along the ground between two points."""
    rise = math.sin(math.radians(other_lat - lat) / 2.0)
    turn = math.sin(math.radians(other_lon - lon) / 2.0)
    bow = rise * rise + math.cos(math.radians(lat)) * math.cos(math.radians(other_lat)) * turn * turn
    return 2.0 * EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(bow)))


def box_around(near: Near) -> Box:
    """Degrees outside which nothing is in the circle. A circle with a pole in it has all longitudes."""
    angle = near.radius_km / _DEGREE_KM + _BOX_MARGIN
    south, north = near.lat - angle, near.lat + angle
    if south <= -_POLE or north >= _POLE:
        return Box(max(south, -_POLE), min(north, _POLE), ((-_HALF_TURN, _HALF_TURN),))
    # The widest place of the circle is nearer to the pole than its middle.
    width = math.degrees(math.asin(math.sin(math.radians(angle)) / math.cos(math.radians(near.lat)))) + _BOX_MARGIN
    west, east = near.lon - width, near.lon + width
    if west < -_HALF_TURN:
        return Box(south, north, ((-_HALF_TURN, east), (west + 2 * _HALF_TURN, _HALF_TURN)))
    if east > _HALF_TURN:
        return Box(south, north, ((west, _HALF_TURN), (-_HALF_TURN, east - 2 * _HALF_TURN)))
    return Box(south, north, ((west, east),))


def box_of(area: Area) -> Box:
    """The degrees that an area spans."""
    corners = [corner for polygon in area.polygons for corner in polygon[0]]
    lons, lats = [lon for lon, _ in corners], [lat for _, lat in corners]
    return Box(min(lats), max(lats), ((min(lons), max(lons)),))


def reach_km(area: Area) -> float:
    """The radius of a circle about as large as the area is at most: half its diagonal."""
    box = box_of(area)
    ((west, east),) = box.spans
    return distance_km(box.south, west, box.north, east) / 2.0


def needs_device(geo: Geo) -> bool:
    """Whether a place is asked for that is too small for a position guessed from an address."""
    is_small = (geo.near is not None and is_too_small(geo.near)) or (
        geo.within is not None and is_too_small(geo.within)
    )
    return is_small and not geo.counts_guesses


def is_too_small(place: Near | Area) -> bool:
    """Whether a guess from an address is no evidence of being there or not."""
    radius_km = place.radius_km if isinstance(place, Near) else reach_km(place)
    return radius_km < PLACE_IP_RADIUS_KM_MIN
