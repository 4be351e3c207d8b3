"""What people choose themselves: hours of quiet, how much is enough, a pause, and through which channels.

A choice is kept with the person where the device is somebody's, and holds on all devices of theirs then; else on the
device itself (`attrs.own`). Where both are known the person's counts, and of two pauses the longer one. Both are JSON:

    {"quiet": {"from": "22:00", "to": "08:00"}, "frequency": "3/P7D", "paused_until": 1790000000, "channels_off": [...]}

A key that is absent means that nothing was chosen.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from gateway.model.limits import CAP_MAX, CHANNELS_MAX
from gateway.model.quiet_hours import HourText, QuietHours, own_hours

OWN: Final = "own"
"""Where they stand in `attrs` of a device."""
CHOICES: Final = ("quiet", "frequency", "paused_until", "channels_off")
"""Their names, in `facts` of a person and in `attrs.own` of a device."""
_NAMES: Final = frozenset(CHOICES)

Known = Mapping[str, Any] | None
"""`attrs` or `facts` as stored."""


class OwnHours(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename={"begins": "from", "ends": "to"},
):
    """When somebody wants no advertising, on the clock where they are. The same hour twice: they are never quiet."""

    begins: HourText
    ends: HourText
    weekends: bool = False
    holidays: bool = False


class Frequency(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """At most so many messages of marketing within a period, `PT1M` to `P31D`, that rolls along."""

    max: Annotated[int, Meta(ge=1, le=CAP_MAX)]
    per: str


class Choices(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one person, or one device of nobody known, chose. `paused_until` is Unix time."""

    quiet: OwnHours | None = None
    frequency: str | None = None
    paused_until: int | None = None
    channels_off: Annotated[tuple[str, ...], Meta(max_length=CHANNELS_MAX)] = ()


def choices_of(attrs: Known, facts: Known) -> Choices:
    """Everything that holds for a device."""
    own = _own(attrs)
    known = facts or {}
    said = {name: known.get(name, own.get(name)) for name in CHOICES}
    said["paused_until"] = int(paused_until_s(attrs, facts)) or None
    return msgspec.convert({name: value for name, value in said.items() if value}, Choices)


def has_chosen(attrs: Known, facts: Known) -> bool:
    """Whether there is any choice: of most people there is none, and nobody needs to look any closer."""
    return (bool(facts) and not _NAMES.isdisjoint(facts)) or (bool(attrs) and OWN in attrs)


def quiet_chosen(attrs: Known, facts: Known) -> QuietHours | None:
    """The hours that were chosen; None where nothing was, and the app's hold."""
    chosen = (facts and facts.get("quiet")) or (attrs and OWN in attrs and attrs[OWN].get("quiet"))
    return own_hours(chosen) if chosen else None


def frequency_chosen(attrs: Known, facts: Known) -> str | None:
    """How much is enough, as `3/P7D`."""
    of_person = facts.get("frequency") if facts else None
    return of_person or (_own(attrs).get("frequency") if attrs else None)


def paused_until_s(attrs: Known, facts: Known) -> float:
    """Until when they asked to be left alone, in Unix time; 0 where they did not."""
    return max(_moment(facts), _moment(_own(attrs)))


def is_channel_off(provider: str, attrs: Known, facts: Known) -> bool:
    """Whether they want no marketing by this channel."""
    for known in (facts, _own(attrs)):
        if known and "channels_off" in known:
            return provider in known["channels_off"]
    return False


def _own(attrs: Known) -> Mapping[str, Any]:
    return attrs[OWN] if attrs and OWN in attrs else {}


def _moment(known: Known) -> float:
    return (known.get("paused_until") or 0) if known else 0
