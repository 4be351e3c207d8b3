"""Is a device where an audience has to be? `store/conditions_geo.py` asks the same in SQL.

The sides of a polygon are straight in degrees (RFC 7946, section 3.1.1).
"""

from itertools import pairwise

from gateway.model.geometry import distance_km, needs_device
from gateway.model.limits import POSITION_DEVICE_DECIMALS
from gateway.model.place import Area, Geo, LocatedBy, Place, Polygon, Position, Ring, Whereabouts, place_key


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


def _named(name: str | None, wanted: tuple[str, ...]) -> bool:
    return name is not None and place_key(name) in map(place_key, wanted)


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
