"""Places: where a device is, as far as anybody knows, and where an audience has to be.

Degrees are WGS 84. A corner of an area is (longitude, latitude), the order of GeoJSON (RFC 7946, section 3.1.1).
"""

import unicodedata
from datetime import datetime
from enum import IntEnum
from functools import lru_cache
from typing import Literal, TypeAlias

import msgspec

Corner: TypeAlias = tuple[float, float]
"""(longitude, latitude)"""
Ring: TypeAlias = tuple[Corner, ...]
"""At least four corners, the last of them the first again."""
Polygon: TypeAlias = tuple[Ring, ...]
"""The outer ring, then its holes."""


class LocatedBy(IntEnum):
    """Who says where a device is. Numbers are for ever."""

    IP = 1
    """A database, from the address of its connection."""
    DEVICE = 2
    """The device itself, with its person's consent."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What an address tells of a place.

    region: an ISO 3166-2 code (`NL-NH`) where the database has codes, else the name as it stands there.
    timezone: only where a city is known; a country's middle says nothing of a zone.
    """

    country: str | None = None
    region: str | None = None
    city: str | None = None
    lat: float | None = None
    lon: float | None = None
    timezone: str | None = None
    source: Literal["registry", "city_file"]


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Where a device says it is. accuracy_m: how far off it may be; None: unsaid."""

    lat: float
    lon: float
    accuracy_m: float | None = None


class Near(msgspec.Struct, frozen=True, kw_only=True):
    """A circle on the ground."""

    lat: float
    lon: float
    radius_km: float


class Area(msgspec.Struct, frozen=True):
    """Polygons that do not cross the antimeridian; a device may be in any of them."""

    polygons: tuple[Polygon, ...]


class Fence(msgspec.Struct, frozen=True, kw_only=True):
    """An area or a circle, by its name in the app; one of the two is set."""

    id: int
    slug: str
    near: Near | None = None
    within: Area | None = None
    created_at: datetime


class Geo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the devices of an audience are. Selectors are joined by AND, the entries of one list by OR.

    regions and cities are as they were written, and compared by `place_key`. counts_guesses: positions guessed from
    addresses count in places that are too small for them; only a dry run asks so, to tell how many are left out.
    """

    countries: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    cities: tuple[str, ...] = ()
    near: Near | None = None
    within: Area | None = None
    counts_guesses: bool = False


class Whereabouts(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a device's place; `timezone` is the place's, not what the device says of itself."""

    country: str | None = None
    region: str | None = None
    city: str | None = None
    lat: float | None = None
    lon: float | None = None
    timezone: str | None = None
    located_by: int | None = None


@lru_cache(maxsize=4096)
def place_key(name: str) -> str:
    """What names of regions and cities are compared by: `São Paulo` and `sao paulo` are the same."""
    bare = unicodedata.normalize("NFKD", name.casefold())
    return " ".join("".join(char for char in bare if not unicodedata.combining(char)).split())
