"""Where an audience has to be, on the wire."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from gateway.model.limits import PLACE_NAME_CHARS_MAX, PLACES_LISTED_MAX

_Name = Annotated[str, Meta(min_length=1, max_length=PLACE_NAME_CHARS_MAX)]


class NearRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A circle. With a radius below 50 km only positions that devices gave themselves count."""

    lat: float
    lon: float
    radius_km: float


class GeoRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where devices are. Several selectors are joined by AND, the entries of one list by OR."""

    countries: Annotated[list[str], Meta(max_length=PLACES_LISTED_MAX, description="Two letters, such as `NL`.")] = []
    regions: Annotated[
        list[_Name],
        Meta(
            max_length=PLACES_LISTED_MAX,
            description="ISO 3166-2 codes such as `NL-NH`, or names where the file of places has no codes.",
        ),
    ] = []
    cities: Annotated[list[_Name], Meta(max_length=PLACES_LISTED_MAX, description="English names.")] = []
    near: NearRequest | None = None
    within: (
        Annotated[dict[str, Any], Meta(description="A GeoJSON Polygon or MultiPolygon, 500 corners at most.")] | None
    ) = None
