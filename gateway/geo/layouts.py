"""What a file of places says of an address, whichever of the two layouts in use it has.

Nested: MaxMind's and DB-IP's own (`country.iso_code`, `subdivisions[].iso_code` or `.names`, `city.names`,
`location.latitude`); flat: repackaged ones (`country_code`, `state1`, `city`, `latitude`). A record tells which it is.
Sources: dev.maxmind.com/geoip/docs/databases/city-and-country and db-ip.com/db/format/ip-to-city-lite/mmdb.html.
"""

import math
import re
from collections.abc import Mapping
from typing import Any, Final, Literal

from gateway.geo.zones import known_zone, zone_at
from gateway.model.limits import PLACE_NAME_CHARS_MAX, POSITION_IP_DECIMALS
from gateway.model.place import Place

Layout = Literal["flat", "nested"]

_COUNTRY: Final = re.compile(r"[A-Z]{2}", re.ASCII)
_PART_OF_CITY: Final = re.compile(r"\s*\([^()]*\)\s*$")
"""DB-IP names quarters as well, such as `Amsterdam (Centrum)`: more than an address can tell."""


def layout_of(record: object) -> Layout | None:
    """The layout of a record; None for a file of something else."""
    match record:
        case {"country_code": str()}:
            return "flat"
        case {"country": Mapping()} | {"registered_country": Mapping()} | {"continent": Mapping()}:
            return "nested"
        case _:
            return None


def place_of(record: object) -> Place | None:
    """The place that a record describes; None where it names no country.

    Position, region and zone are taken only of records that name a city: without one they are those of the country's
    middle, and put an American of whom nothing is known into the zone of Chicago.
    """
    match layout_of(record):
        case "flat":
            return _flat(_mapping(record))
        case "nested":
            return _nested(_mapping(record))
        case None:
            return None


def _flat(record: Mapping[str, Any]) -> Place | None:
    return _place(
        country=_text(record.get("country_code")),
        region=_text(record.get("state1")),
        city=_text(record.get("city")),
        lat=record.get("latitude"),
        lon=record.get("longitude"),
        zone=_text(record.get("timezone")),
    )


def _nested(record: Mapping[str, Any]) -> Place | None:
    location = _mapping(record.get("location"))
    country = _text(_mapping(record.get("country")).get("iso_code"))
    return _place(
        country=country,
        region=_subdivision(record.get("subdivisions"), country),
        city=_name(record.get("city")),
        lat=location.get("latitude"),
        lon=location.get("longitude"),
        zone=_text(location.get("time_zone")),
    )


def _place(
    *, country: str | None, region: str | None, city: str | None, lat: Any, lon: Any, zone: str | None
) -> Place | None:
    if country is None or _COUNTRY.fullmatch(country) is None:
        return None
    city = None if city is None else _PART_OF_CITY.sub("", city) or city
    if city is None:
        return Place(country=country, source="city_file")
    where = _position(lat, lon)
    if where is None:
        return Place(country=country, region=region, city=city, source="city_file")
    return Place(
        country=country,
        region=region,
        city=city,
        lat=round(where[0], POSITION_IP_DECIMALS),
        lon=round(where[1], POSITION_IP_DECIMALS),
        timezone=(None if zone is None else known_zone(zone)) or zone_at(*where),
        source="city_file",
    )


def _subdivision(listed: object, country: str | None) -> str | None:
    """The largest one: its ISO 3166-2 code, or the name where the file has no codes."""
    first = _mapping(listed[0]) if isinstance(listed, list) and listed else {}
    code = _text(first.get("iso_code"))
    return f"{country}-{code}" if code is not None and country is not None else _name(first)


def _name(named: object) -> str | None:
    names = _mapping(_mapping(named).get("names"))
    return _text(names.get("en"))


def _position(lat: Any, lon: Any) -> tuple[float, float] | None:
    try:
        found = float(lat), float(lon)
    except (TypeError, ValueError):
        return None
    is_on_earth = all(map(math.isfinite, found)) and abs(found[0]) <= 90.0 and abs(found[1]) <= 180.0  # noqa: PLR2004 - degrees
    return found if is_on_earth else None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str | None:
    """A text that can be kept: some files write "" or NULs, Postgres takes no NUL."""
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        return None
    return value.strip()[:PLACE_NAME_CHARS_MAX]
