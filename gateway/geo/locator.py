"""Where an address is: the city by the operator's files, else the country by the registries."""

import ipaddress
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from gateway.config import Settings
from gateway.geo.place_file import PlaceFile
from gateway.geo.registry import CountryOf, country_finder
from gateway.geo.zones import zone_at
from gateway.model.place import Place
from gateway.telemetry import PLACES_LOOKED_UP

OFF: Final = "off"
"""As the setting `geo_db`: no address is looked up."""
FETCHED: Final = Path("geo") / "dbip-city-lite.mmdb"
"""Where `steeple geo fetch` puts its file, in the data directory."""


def place_paths(settings: Settings) -> list[Path]:
    """The files in force: those of `geo_db`, else the one that was fetched."""
    named = [Path(part.strip()) for part in settings.geo_db.split(",") if part.strip()]
    return named or [settings.data_path / FETCHED]


class Locator:
    """Asked once at each opt-in and refresh of a device. Keeps nothing of what it was asked."""

    def __init__(self, files: Sequence[PlaceFile] = (), *, country_of: CountryOf | None = None) -> None:
        self._files = files
        self._country_of = country_of

    @classmethod
    def of(cls, settings: Settings) -> "Locator":
        """With what the operator named and what is installed; nothing at all where `geo_db` is `off`."""
        if settings.geo_db == OFF:
            return cls()
        is_named = bool(settings.geo_db)
        files = [PlaceFile(path, is_expected=is_named) for path in place_paths(settings)]
        return cls(files, country_of=country_finder())

    def of_address(self, address: str) -> Place | None:
        """The place of a public address; None for one that is private, none at all, or known to nobody."""
        public = _public(address)
        if public is None:
            return None
        found = self._in_files(public) or self._in_registries(public)
        PLACES_LOOKED_UP.labels("nothing" if found is None else "country" if found.city is None else "city").inc()
        return found

    def zone_at(self, lat: float, lon: float) -> str | None:
        """The time zone of a place on earth."""
        return zone_at(lat, lon)

    def close(self) -> None:
        """Lets go of the files."""
        for file in self._files:
            file.close()

    def _in_files(self, address: str) -> Place | None:
        return next((place for file in self._files if (place := file.find(address)) is not None), None)

    def _in_registries(self, address: str) -> Place | None:
        country = None if self._country_of is None else self._country_of(address)
        return None if country is None else Place(country=country, source="registry")


def _public(address: str) -> str | None:
    """The address as files know it: an IPv4 one that is mapped into IPv6 is what it maps. None for inner networks."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return str(found) if found.is_global else None
