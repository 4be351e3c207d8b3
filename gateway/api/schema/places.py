"""Where an audience has to be, and what devices enter and leave, on the wire."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from gateway.model.limits import PLACE_NAME_CHARS_MAX, PLACES_LISTED_MAX, SLUG_CHARS_MAX

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


class FenceRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A geofence: a circle of 0.1 to 100 km in radius, or an area of 100 corners at most."""

    slug: Annotated[str, Meta(max_length=SLUG_CHARS_MAX, description="Lower-case letters, digits, `.`, `-`, `_`.")]
    near: NearRequest | None = None
    within: Annotated[dict[str, Any], Meta(description="A GeoJSON Polygon or MultiPolygon.")] | None = None
    app: str | None = None


class FenceAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A geofence as it was made."""

    slug: str
    near: NearRequest | None = None
    within: dict[str, Any] | None = None
    created_at: datetime


class FencePage(msgspec.Struct, frozen=True):
    """Geofences by their slug."""

    data: list[FenceAnswer]
    next: str | None


class LocationAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The geofences that the device is in now, and those that it has just entered and left, by their slugs."""

    inside: list[str]
    entered: list[str]
    left: list[str]
