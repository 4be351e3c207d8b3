"""Quiet hours: when nobody is to be woken by advertising. Hours are wall-clock hours of the place where a person is."""

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from gateway.model.limits import QUIET_COUNTRIES_MAX

HourText = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", description="Such as `09:00`.")]
CountryText = Annotated[str, Meta(pattern=r"^[A-Z]{2}$", description="ISO 3166-1, such as `NL`.")]

_RENAMED: Final = {"begins": "from", "ends": "to"}


class CountryHours(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, rename=_RENAMED
):
    """What is different in one country. A field that is left out is as for everybody."""

    begins: HourText | None = None
    ends: HourText | None = None
    weekends: bool | None = None
    holidays: bool | None = None


class QuietHours(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename=_RENAMED):
    """From one hour to another, over midnight where the first is the later one; the same hour twice is no night.

    weekends: Saturdays and Sundays are quiet as a whole. holidays: so are public holidays of the person's country.
    """

    begins: HourText = "21:00"
    ends: HourText = "09:00"
    weekends: bool = False
    holidays: bool = False
    countries: Annotated[dict[CountryText, CountryHours], Meta(max_length=QUIET_COUNTRIES_MAX)] = {}


class Night(msgspec.Struct, frozen=True):
    """The quiet hours of one person, everything decided: minutes after midnight, and whose holidays count."""

    begins_min: int
    ends_min: int
    weekends: bool
    holidays_of: str | None


def minutes(hour: str) -> int:
    """Minutes after midnight of `09:30`."""
    return int(hour[:2]) * 60 + int(hour[3:5])


def night_of(quiet: QuietHours | None, *, country: str | None, own: QuietHours | None = None) -> Night | None:
    """What holds for one person: their own choice, else their country's, else the app's; None: never quiet."""
    if own is not None:
        return _night(own, country)
    if quiet is None:
        return None
    here = quiet.countries.get(country or "")
    return _night(quiet if here is None else _with(quiet, here), country)


def own_hours(value: Any) -> QuietHours | None:
    """The hours that a person chose, as they are kept with them; None where they are none, or not readable."""
    try:
        return msgspec.convert(value, QuietHours) if value else None
    except msgspec.ValidationError:
        return None


def _with(quiet: QuietHours, here: CountryHours) -> QuietHours:
    given = {name: value for name in here.__struct_fields__ if (value := getattr(here, name)) is not None}
    return msgspec.structs.replace(quiet, **given)


def _night(quiet: QuietHours, country: str | None) -> Night:
    return Night(minutes(quiet.begins), minutes(quiet.ends), quiet.weekends, country if quiet.holidays else None)
