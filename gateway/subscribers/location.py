"""Where a device says it is: kept with its person's consent only, as exactly as it is worth.

The consent is part of the proof that is kept of the opt-in: `consent.location`. Absent, it leaves what was agreed to
before; false takes it back, and the position with it.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.model.errors import Invalid
from gateway.model.limits import POSITION_ACCURACY_M_MAX
from gateway.model.place import Place, Position, Whereabouts
from gateway.policy.areas import check_degrees
from gateway.policy.places import whereabouts
from gateway.subscribers.request import Location

ZoneAt = Callable[[float, float], str | None]
_AGREED: Final = "location"


def check_location(location: Location | None, consent: Mapping[str, Any] | None) -> Position | None:
    """The position. Raises `Invalid` for one off the earth, too vague, or that nobody agreed to."""
    if location is None:
        return None
    check_degrees(location.lat, location.lon, "location")
    accuracy_m = location.accuracy_m
    if accuracy_m is not None and not 0.0 <= accuracy_m <= POSITION_ACCURACY_M_MAX:
        raise Invalid(
            "field_invalid", f"A position is off by 0 to {POSITION_ACCURACY_M_MAX:.0f} m.", param="location.accuracy_m"
        )
    if not covers_location(consent):
        raise Invalid(
            "location_without_consent",
            "A position is taken with consent only: send consent.location true, now or before.",
            param="location",
        )
    return Position(lat=location.lat, lon=location.lon, accuracy_m=accuracy_m)


def covers_location(consent: Mapping[str, Any] | None) -> bool:
    """Whether the person agreed to have the device's position kept."""
    return consent is not None and consent.get(_AGREED) is True


def carried_over(given: dict[str, Any] | None, held: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The consent to keep: what is given, and of positions what was agreed to before, where it says nothing of them."""
    if given is None or _AGREED in given or not covers_location(held):
        return given
    return {**given, _AGREED: True}


def located(place: Place | None, position: Position | None, zone_at: ZoneAt) -> Whereabouts:
    """What is kept of a place, with the zone of the position where the device gave one."""
    return whereabouts(place, position, None if position is None else zone_at(position.lat, position.lon))
