"""In which time zones somebody may be.

The order is the same everywhere: what the device said, what the shop said of the person, what the connection tells.
Where none is known but the country is, every zone of that country is possible; where nothing is known, the app's own.

Sources: zone.tab of the tz database (zones by country, those of most people first, as far as its order goes).
"""

import functools
from collections.abc import Mapping
from importlib import resources
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from gateway.model.limits import COUNTRY_ZONES_MAX
from gateway.model.timezone import is_timezone

_COLUMNS: Final = 3


class Place(msgspec.Struct, frozen=True):
    """Where somebody is, as far as it matters to the hour: zones (one, several possible ones, or none) and country."""

    zones: tuple[str, ...] = ()
    country: str | None = None

    @property
    def zone(self) -> str | None:
        """The one zone to reckon with where it has to be one: of a country's, that of most people."""
        return self.zones[0] if self.zones else None


UNKNOWN: Final = Place()


@functools.lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo | None:
    """The zone of this name; None where there is none."""
    return ZoneInfo(name) if is_timezone(name) else None


@functools.cache
def _by_country() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    table = resources.files("tzdata").joinpath("zoneinfo", "zone.tab").read_text(encoding="utf-8")
    for line in table.splitlines():
        parts = line.split("\t")
        if not line.startswith("#") and len(parts) >= _COLUMNS:
            found.setdefault(parts[0], []).append(parts[2])
    return {country: tuple(zones[:COUNTRY_ZONES_MAX]) for country, zones in found.items()}


@functools.cache
def _countries() -> dict[str, str]:
    return {zone: country for country, zones in _by_country().items() for zone in zones}


def zones_of_country(country: str) -> tuple[str, ...]:
    """Every zone of a country, that of most people first; none for a country that is not known."""
    return _by_country().get(country.upper(), ())


def country_of_zone(zone: str) -> str | None:
    """The country that a zone is named for; None for `UTC` and old names."""
    return _countries().get(zone)


def place_of(
    *,
    timezone: str | None,
    country: str | None,
    facts: Mapping[str, Any] | None = None,
    geo_timezone: str | None = None,
    app_timezone: str | None = None,
) -> Place:
    """Where somebody is, from what is known: the device's word, the person's, the connection's, the app's."""
    of_person = None
    if facts and ("timezone" in facts or "country" in facts):
        of_person = _text(facts.get("timezone"))
        country = country or _text(facts.get("country"))
    return _place(timezone, of_person, geo_timezone, country, app_timezone)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _first_zone(*names: str | None) -> str | None:
    return next((name for name in names if name is not None and zone_of(name) is not None), None)


@functools.lru_cache(maxsize=4096)
def _place(
    timezone: str | None,
    of_person: str | None,
    geo_timezone: str | None,
    country: str | None,
    app_timezone: str | None,
) -> Place:
    zone = _first_zone(timezone, of_person, geo_timezone)
    where = country.upper() if country is not None else None
    if zone is not None:
        return Place((zone,), where or country_of_zone(zone))
    candidates = zones_of_country(where) if where else ()
    if candidates:
        return Place(candidates, where)
    if app_timezone is not None and zone_of(app_timezone) is not None:
        return Place((app_timezone,), where or country_of_zone(app_timezone))
    return Place((), where)
