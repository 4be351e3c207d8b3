"""The preference centre on the wire."""

from typing import Any

import msgspec

from gateway.subscribers.choices import ChoicesAnswer
from gateway.subscribers.preference_centre import PreferenceChange


class PreferencesChange(PreferenceChange, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A change by whoever gets the messages. What is left out stays; null takes a choice away.

    topics: all that the device is to follow. subscribed: false ends it at once, true takes that back. everywhere: what
    `subscribed` says holds for all devices of the same person.
    """


class OfferedTopic(msgspec.Struct, frozen=True, kw_only=True):
    """A topic, and whether the device follows it."""

    slug: str
    name: str
    subscribed: bool


class PreferencesAnswer(ChoicesAnswer, frozen=True, kw_only=True):
    """What somebody is sent, and all that a page needs to let them change it.

    channels: of their devices, of which there are so many. consent: what was agreed to last. site: whose messages they
    are. texts: the words of the page, in `language`.
    """

    subscribed: bool
    topics: list[OfferedTopic]
    channels: list[str]
    devices: int
    timezone: str | None
    consent: dict[str, Any] | None
    site: str
    language: str
    texts: dict[str, str]
