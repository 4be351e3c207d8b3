"""From the places that an audience or a geofence names to what is asked of devices."""

import re
from typing import Any, Final

from gateway.api.schema.places import GeoRequest, NearRequest
from gateway.model.errors import Invalid
from gateway.model.geometry import reach_km
from gateway.model.limits import (
    FENCE_CORNERS_MAX,
    FENCE_RADIUS_KM_MAX,
    PLACE_RADIUS_KM_MAX,
    PLACE_RADIUS_KM_MIN,
    POSITION_ASKED_DECIMALS,
)
from gateway.model.place import Area, Geo, Near
from gateway.policy.areas import check_degrees, parse_area

_COUNTRY: Final = re.compile(r"[A-Z]{2}", re.ASCII)


def geo_of(request: GeoRequest | None, *, param: str) -> Geo | None:
    """The places, checked; None where none is named. Raises `Invalid` with the dotted path of what is wrong."""
    if request is None:
        return None
    if not (request.countries or request.regions or request.cities or request.near or request.within):
        raise Invalid("audience_invalid", "Name a country, a region, a city, a circle or an area.", param=param)
    for at, country in enumerate(request.countries):
        if _COUNTRY.fullmatch(country) is None:
            raise Invalid(
                "field_invalid", "A country is two capital letters, such as `NL`.", param=f"{param}.countries[{at}]"
            )
    for name in ("regions", "cities"):
        for at, place in enumerate(getattr(request, name)):
            _check_name(place, f"{param}.{name}[{at}]")
    return Geo(
        countries=tuple(dict.fromkeys(request.countries)),
        regions=tuple(dict.fromkeys(request.regions)),
        cities=tuple(dict.fromkeys(request.cities)),
        near=None if request.near is None else _near(request.near, f"{param}.near", PLACE_RADIUS_KM_MAX),
        within=None if request.within is None else parse_area(request.within, f"{param}.within"),
    )


def _check_name(name: str, param: str) -> None:
    if not name.strip() or not name.isprintable():
        raise Invalid("field_invalid", "A place's name has letters.", param=param)


def circle_of_fence(request: NearRequest) -> Near:
    """The circle of a geofence, checked."""
    return _near(request, "near", FENCE_RADIUS_KM_MAX)


def area_of_fence(shape: dict[str, Any]) -> Area:
    """The area of a geofence, checked."""
    area = parse_area(shape, "within")
    if sum(len(ring) - 1 for polygon in area.polygons for ring in polygon) > FENCE_CORNERS_MAX:
        raise Invalid(
            "area_invalid", f"A geofence has at most {FENCE_CORNERS_MAX} corners.", param="within.coordinates"
        )
    if reach_km(area) > FENCE_RADIUS_KM_MAX:
        raise Invalid("area_invalid", f"A geofence is at most {2 * FENCE_RADIUS_KM_MAX:g} km across.", param="within")
    return area


def _near(request: NearRequest, param: str, radius_km_max: float) -> Near:
    check_degrees(request.lat, request.lon, param)
    if not PLACE_RADIUS_KM_MIN <= request.radius_km <= radius_km_max:
        raise Invalid(
            "field_invalid",
            f"A radius is {PLACE_RADIUS_KM_MIN:g} to {radius_km_max:,.0f} km.",
            param=f"{param}.radius_km",
        )
    lat, lon = (round(degrees, POSITION_ASKED_DECIMALS) for degrees in (request.lat, request.lon))
    return Near(lat=lat, lon=lon, radius_km=request.radius_km)
