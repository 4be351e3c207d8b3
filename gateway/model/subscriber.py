"""Devices as they enrol, and the places and words we keep of them."""

from datetime import datetime
from enum import IntEnum
from typing import Any, Final

import msgspec

from gateway.model.place import Whereabouts


class Platform(IntEnum):
    """Browser and kind of system of a device: payload limits and looks differ by it. Numbers are for ever."""

    OTHER = 0
    CHROME_DESKTOP = 1
    CHROME_ANDROID = 2
    FIREFOX_DESKTOP = 3
    FIREFOX_ANDROID = 4
    SAFARI_MAC = 5
    SAFARI_IOS = 6
    EDGE_DESKTOP = 7
    EDGE_ANDROID = 8
    OPERA = 9
    SAMSUNG = 10
    IOS_APP = 20
    ANDROID_APP = 21


PLATFORM_NAMES: Final[dict[int, str]] = {platform.value: platform.name.lower() for platform in Platform}
"""The words that `per_platform` shows."""


class SubscriptionState(IntEnum):
    """Numbers are for ever. Only ACTIVE ones are sent to."""

    ACTIVE = 0
    GONE = 1
    """The push service said so."""
    LEFT = 2
    """The person said so."""


class Consent(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which text a person agreed to, when and on which page."""

    text: str = ""
    at: datetime | None = None
    page: str = ""
    location: bool | None = None
    """Whether the device's position may be kept; None says nothing of it."""


class Enrolment(msgspec.Struct, frozen=True, kw_only=True):
    """A checked opt-in on its way into the store. `address_hash` is the keyed hash of the endpoint or token."""

    provider: str
    credential_id: int
    wire: bytes
    address_hash: bytes
    platform: int = 0
    person: str | None = None
    topics: tuple[int, ...] = ()
    tags: dict[str, Any] | None = None
    locale: str | None = None
    timezone: str | None = None
    whereabouts: Whereabouts = Whereabouts()
    consent: dict[str, Any] | None = None
    created_at: datetime | None = None
    secret_hash: bytes | None = None


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """One device as it is stored. `wire` opens with its provider's `describe`; the secret is kept as its SHA-256."""

    id: int
    provider: str
    state: int
    credential_id: int
    wire: bytes
    person: str | None
    topics: tuple[int, ...]
    tags: dict[str, Any]
    own: dict[str, Any]
    """What whoever holds it chose while it was nobody's (`model.choices`)."""
    country: str | None
    region: str | None
    city: str | None
    lat: float | None
    lon: float | None
    geo_timezone: str | None
    located_by: int | None
    located_at: datetime | None
    timezone: str | None
    locale: str | None
    platform: int
    secret_hash: bytes | None
    consent: dict[str, Any] | None
    created_at: datetime
    enrolled_at: datetime
    registered_at: datetime
    seen_at: datetime
    ended_at: datetime | None


STATE_WORDS: Final[dict[int, str]] = {state.value: state.name.lower() for state in SubscriptionState}
"""The words that the API and exports show for a subscription's state."""
