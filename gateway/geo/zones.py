"""The time zone of a place: `tzfpy`, whose polygons are simplified but agree with finer ones in 4,999 of 5,000 places.

The package is optional (extra `geo`); without it places have no zone but the one that a file names.
"""

import importlib
from collections.abc import Callable
from functools import lru_cache

from gateway.model.timezone import is_timezone

_ZoneOf = Callable[[float, float], str]


@lru_cache(maxsize=1)
def zone_finder() -> _ZoneOf | None:
    """From longitude and latitude to a zone's name, or None where the package is not installed."""
    try:
        found: _ZoneOf = importlib.import_module("tzfpy").get_tz
    except ImportError:
        return None
    return found


def zone_at(lat: float, lon: float) -> str | None:
    """The IANA zone of a place; None where none is known."""
    finder = zone_finder()
    return None if finder is None else known_zone(finder(lon, lat))


def known_zone(name: str) -> str | None:
    """The name, if this machine has such a zone: a file may be newer than the machine, or wrong."""
    return name if is_timezone(name) else None
