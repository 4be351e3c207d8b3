"""A person as the shop tells of them, what they did, and the copy of both that each of their devices carries.

The copy is the JSON object `subscriptions.facts`:

    {"v": 7, "attributes": {...}, "tags": {...}, "language": "nl", "timezone": "Europe/Amsterdam", "country": "NL",
     "events": {name: {"n": 3, "first": epoch_s, "last": epoch_s, "sum": 59.9, "days": {"20780": [2, 39.9]},
                       "latest": "20780 20780"}},
     "devices": 2, "quiet": {...}, "frequency": ..., "paused_until": ..., "channels_off": [...]}

A key that is absent means that nothing is known; without `devices` there is one. `v` is the version that was copied: an
older copy never takes the place of a newer one. `days` are days since 1970-01-01 (UTC), each with number and sum;
`latest` are those of the last few times (`policy.event_facts`). What people chose themselves (`model.choices`) stands
beside what the shop says of them.
"""

from datetime import datetime
from typing import Any

import msgspec

from gateway.model.choices import CHOICES, Choices, choices_of
from gateway.model.value import Value


class Profile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a shop says of a person, and what they chose (`model.choices`). Stored as JSON in `persons.attrs`."""

    attributes: dict[str, Value] = {}
    tags: dict[str, Value] = {}
    language: str | None = None
    timezone: str | None = None
    country: str | None = None
    quiet: dict[str, Any] | None = None
    frequency: str | None = None
    paused_until: int | None = None
    channels_off: tuple[str, ...] | None = None

    @property
    def choices(self) -> Choices:
        """What they chose themselves."""
        return choices_of(None, {name: getattr(self, name) for name in CHOICES})


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What to change of a profile: a value of None is taken away. `is_whole`: what is not named goes, too."""

    attributes: dict[str, Value | None] = {}
    tags: dict[str, Value | None] = {}
    words: dict[str, str | None] = {}
    """language, timezone, country: those that were named."""
    contact: dict[str, str | None] = {}
    """email, phone: those that were named."""
    choices: dict[str, Any] = {}
    """What they chose themselves, by its name in `model.choices`: those that were named."""
    is_whole: bool = False
    """What is not named goes, too; but for what they chose themselves, which is not the shop's to leave out."""


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A person as stored. `events` are facts by kind; `contact` is sealed; times of `set_at` are Unix seconds."""

    name: str
    aliases: tuple[str, ...] = ()
    subscriptions: tuple[int, ...] = ()
    profile: Profile = Profile()
    events: dict[str, Any] = {}
    set_at: dict[str, int] = {}
    contact: bytes | None = None
    version: int = 0
    created_at: datetime
    changed_at: datetime

    @property
    def names(self) -> list[str]:
        """Every name that leads here."""
        return [self.name, *self.aliases]


def copy_of(profile: Profile, events: dict[str, Any], *, devices: int, version: int) -> dict[str, Any]:
    """What each device of the person carries."""
    copy: dict[str, Any] = {"v": version, **msgspec.to_builtins(profile)}
    if events:
        copy["events"] = events
    if devices > 1:
        copy["devices"] = devices
    return copy
