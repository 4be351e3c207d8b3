"""Is a device where an audience has to be? Circles and polygons on the ground.

Distances are those of a sphere (the haversine formula, which stays exact for small ones; R. W. Sinnott, "Virtues of the
Haversine", Sky and Telescope 68, 1984) with the mean radius of the earth: off by 0.5 % at most. The sides of a polygon
are straight in degrees (RFC 7946, section 3.1.1). `store/conditions_geo.py` asks the same in SQL.
"""

import math
from itertools import pairwise
from typing import Final

import msgspec

from gateway.model.limits import PLACE_IP_RADIUS_KM_MIN, POSITION_DEVICE_DECIMALS
from gateway.model.place import Area, Geo, LocatedBy, Near, Place, Polygon, Position, Ring, Whereabouts, place_key

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


def contains(area: Area, lat: float, lon: float) -> bool:
    """Whether the point is in one of the polygons and in none of its holes. On a side itself: either."""
    return any(_in_polygon(polygon, lat, lon) for polygon in area.polygons)


def _in_polygon(polygon: Polygon, lat: float, lon: float) -> bool:
    outer, *holes = polygon
    return is_in_ring(outer, lat, lon) and not any(is_in_ring(hole, lat, lon) for hole in holes)


def is_in_ring(ring: Ring, lat: float, lon: float) -> bool:
    """A ray to the east crosses the sides an odd number of times."""
    is_in = False
    for (lon_a, lat_a), (lon_b, lat_b) in pairwise(ring):
        if (lat_a > lat) != (lat_b > lat) and lon < lon_a + (lat - lat_a) / (lat_b - lat_a) * (lon_b - lon_a):
            is_in = not is_in
    return is_in


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


def whereabouts(place: Place | None, position: Position | None, zone: str | None) -> Whereabouts:
    """What is kept: country, region, city by the address; position and zone by the device, where it gave one."""
    known = place or Place(source="registry")
    if position is not None:
        lat, lon = (round(degrees, POSITION_DEVICE_DECIMALS) for degrees in (position.lat, position.lon))
        located_by, timezone = LocatedBy.DEVICE, zone
    else:
        lat, lon, timezone = known.lat, known.lon, known.timezone
        located_by = None if lat is None else LocatedBy.IP
    return Whereabouts(
        country=known.country,
        region=known.region,
        city=known.city,
        lat=lat,
        lon=lon,
        timezone=timezone,
        located_by=located_by,
    )


def is_there(geo: Geo, device: Whereabouts) -> bool:
    """Whether a device meets every selector; what is not known of it is not met."""
    return (
        (not geo.countries or device.country in geo.countries)
        and (not geo.regions or _named(device.region, geo.regions))
        and (not geo.cities or _named(device.city, geo.cities))
        and _position_fits(geo, device)
    )


def _named(name: str | None, keys: tuple[str, ...]) -> bool:
    return name is not None and place_key(name) in keys


def _position_fits(geo: Geo, device: Whereabouts) -> bool:
    if geo.near is None and geo.within is None:
        return True
    if device.lat is None or device.lon is None:
        return False
    if needs_device(geo) and device.located_by != LocatedBy.DEVICE:
        return False
    near, within = geo.near, geo.within
    return (near is None or distance_km(near.lat, near.lon, device.lat, device.lon) <= near.radius_km) and (
        within is None or contains(within, device.lat, device.lon)
    )
