"""Small files of places in both layouts, as tests need them."""

from pathlib import Path
from typing import Any, Final, Literal

from mmdb_writer import MMDBWriter
from netaddr import IPSet

AMSTERDAM: Final = "77.160.0.7"
NEW_YORK: Final = "66.108.0.9"
SAO_PAULO: Final = "2804:14c::7"
NOWHERE_IN_AMERICA: Final = "12.34.56.78"
"""Known to be in the United States, and nothing else."""
UNKNOWN: Final = "100.128.0.1"

PLACES: Final[dict[str, dict[str, Any]]] = {
    "77.160.0.0/16": {
        "country": "NL", "region": "North Holland", "code": "NH", "city": "Amsterdam (Centrum)",
        "lat": 52.3728, "lon": 4.8936, "zone": "Europe/Amsterdam",
    },
    "66.108.0.0/16": {
        "country": "US", "region": "New York", "code": "NY", "city": "New York",
        "lat": 40.7128, "lon": -74.0060, "zone": "America/New_York",
    },
    "2804:14c::/32": {
        "country": "BR", "region": "São Paulo", "code": "SP", "city": "São Paulo",
        "lat": -23.5505, "lon": -46.6333, "zone": "America/Sao_Paulo",
    },
    "12.34.0.0/16": {"country": "US", "lat": 37.751, "lon": -97.822, "zone": "America/Chicago"},
}  # fmt: skip

LayoutName = Literal["flat", "nested", "nested without codes"]


def write_places(
    path: Path, layout: LayoutName = "nested", *, places: dict[str, dict[str, Any]] | None = None, zones: bool = True
) -> Path:
    """An MMDB file of these places. zones: whether it names time zones, as DB-IP's does not."""
    writer = MMDBWriter(6, f"Test-City ({layout})", ipv4_compatible=True, float_type="f64")  # pyright: ignore[reportCallIssue] # its stubs lag behind
    for network, place in (PLACES if places is None else places).items():
        told = {name: value for name, value in place.items() if zones or name != "zone"}
        writer.insert_network(IPSet([network]), _flat(told) if layout == "flat" else _nested(told, layout))
    path.parent.mkdir(parents=True, exist_ok=True)
    writer.to_db_file(str(path))
    return path


def _flat(place: dict[str, Any]) -> dict[str, Any]:
    return {
        "country_code": place["country"],
        "state1": place.get("region", ""),
        "state2": "",
        "city": place.get("city", ""),
        "postcode": "",
        "latitude": place["lat"],
        "longitude": place["lon"],
        "timezone": place.get("zone", ""),
    }


def _nested(place: dict[str, Any], layout: LayoutName) -> dict[str, Any]:
    record: dict[str, Any] = {
        "country": {"iso_code": place["country"], "names": {"en": place["country"]}},
        "location": {"latitude": place["lat"], "longitude": place["lon"]},
    }
    if "zone" in place:
        record["location"]["time_zone"] = place["zone"]
    if "region" in place:
        code = {"iso_code": place["code"]} if layout == "nested" else {}
        record["subdivisions"] = [{"names": {"en": place["region"]}, **code}]
    if "city" in place:
        record["city"] = {"names": {"en": place["city"], "de": "anders"}}
    return record
