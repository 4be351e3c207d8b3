"""Devices on the wire. What may be said of one is defined where it is understood, in `subscribers.request`."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from gateway.subscribers.request import ChangeRequest, EnrolRequest


class SubscribeRequest(EnrolRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An opt-in. `platform` is one of ours (`firefox_android`), or a browser's name, with `os`.

    A page may leave it out: then it is what the browser calls itself, and `os`, if given, the system.
    """

    app: Annotated[str, Meta(description="`app_...`; may be left out with an API key.")] | None = None
    os: str | None = None


class SubscriptionChange(ChangeRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A change of a device; what is left out stays. `topics` is the whole list; a tag of null is taken away."""

    os: str | None = None


class Subscribed(msgspec.Struct, frozen=True, kw_only=True):
    """What the device keeps. The secret is told here and never again; it proves every later change."""

    id: str
    secret: str
    topics: list[str]


class KeptLocation(msgspec.Struct, frozen=True, kw_only=True):
    """A position, and who gave it: `device`, or `ip` for a guess from its address (as coarse as 11 km).

    `timezone` is the place's; `at` is when a device gave it.
    """

    lat: float
    lon: float
    by: Literal["ip", "device"]
    timezone: str | None
    at: datetime | None


class SubscriptionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A device. Its address is in exports only: whoever has that can send to it."""

    id: str
    channel: str
    state: str
    user: str | None
    topics: list[str]
    tags: dict[str, Any]
    language: str | None
    timezone: str | None
    country: str | None
    region: str | None
    city: str | None
    location: KeptLocation | None
    platform: str
    consent: dict[str, Any] | None
    created_at: datetime
    seen_at: datetime
    ended_at: datetime | None


class SubscriptionPage(msgspec.Struct, frozen=True):
    """Devices in the order of their ids."""

    data: list[SubscriptionAnswer]
    next: str | None


class IdentityRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A login: hex HMAC-SHA256 over `v1`, app, external id and expires, one a line, with the app's identity secret."""

    external_id: str
    signature: Annotated[str, Meta(max_length=128)]
    expires: int | Annotated[str, Meta(max_length=20)]


class IdentityAnswer(msgspec.Struct, frozen=True):
    """Whose device it is now."""

    id: str
    user: str
