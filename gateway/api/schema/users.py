"""People and what they do, on the wire."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from gateway.api.answers import ErrorBody
from gateway.model.limits import (
    DEVICE_SECRET_CHARS_MAX,
    EVENTS_PER_DEVICE_REQUEST_MAX,
    EVENTS_PER_REQUEST_MAX,
    EXTERNAL_ID_BYTES_MAX,
    USERS_BULK_MAX,
)
from gateway.subscribers.choices import ChoicesAnswer
from gateway.subscribers.events import DeviceEventFields, EventFields
from gateway.subscribers.user_request import UserFields


class UserRequest(UserFields, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person, under the shop's own id.

    A value is a text, a number, true, false or a list of texts. A moment (RFC 3339) is kept in UTC.
    """

    app: Annotated[str, Meta(description="`app_...`; may be left out with a key of the app.")] | None = None


class EventCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How often somebody did something, since when, until when, and for how much altogether."""

    count: int
    first: datetime
    last: datetime
    sum: float


class UserAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A person. E-mail address and phone number are shown to keys with the scope manage; to others they are null.

    `preferences` is what they chose themselves.
    """

    external_id: str
    aliases: list[str]
    attributes: dict[str, Any]
    tags: dict[str, Any]
    language: str | None
    timezone: str | None
    country: str | None
    email: str | None
    phone: str | None
    preferences: ChoicesAnswer
    subscriptions: list[str]
    events: dict[str, EventCounts]
    created_at: datetime
    changed_at: datetime


class DossierAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is held on a person: devices with their addresses, messages and what became of them, events.

    `places` tells where the devices are, as far as that is known, and in which geofences; `choices` what was chosen on
    them before they were the person's; `lists` names those that the person, or one of the devices, is on; `codes` are
    the coupons that they were given; `inbox` are the browsers that they read in without a push address, and what was
    read.
    """

    user: UserAnswer
    devices: list[dict[str, Any]]
    places: list[dict[str, Any]]
    choices: list[dict[str, Any]]
    lists: list[str]
    codes: list[str]
    messages: list[dict[str, Any]]
    reports: list[dict[str, Any]]
    consents: list[dict[str, Any]]
    inbox: dict[str, Any]
    events: list[dict[str, Any]]


class UserPage(msgspec.Struct, frozen=True):
    """People in a stable order that is not one of time."""

    data: list[UserAnswer]
    next: str | None


class BulkRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Up to 1,000 people, each with `external_id` and what to change; who is not known yet is made."""

    users: Annotated[list[msgspec.Raw], Meta(min_length=1, max_length=USERS_BULK_MAX)]
    app: str | None = None


class BulkResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one entry: 201 a new person, 200 a known one, or the refusal."""

    status: int
    external_id: str | None = None
    error: ErrorBody | None = None


class BulkAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A result for each entry, in order."""

    accepted: int
    refused: int
    data: list[BulkResult]


class AliasRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another name of a person. Whoever was known by it becomes one with them."""

    alias: Annotated[str, Meta(min_length=1, max_length=EXTERNAL_ID_BYTES_MAX)]
    app: str | None = None


class EventRequest(EventFields, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that a person did. `value`, `total` or `revenue` in its properties is what it is worth.

    The same `id` of the same person counts once; without one, whatever says the same with the same `at` does.
    """

    app: str | None = None


EventsRequest = EventRequest | Annotated[list[EventRequest], Meta(min_length=1, max_length=EVENTS_PER_REQUEST_MAX)]
"""One event, or up to 1,000."""


class DeviceEventsRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a device tracked, up to 20 events. They are the person's who is logged in there, else the device's own.

    `secret` may stand in the header instead (`Authorization: Bearer stpl_ds_...`); in the body it needs no preflight.
    """

    subscription: Annotated[str, Meta(description="`sub_...`.")]
    events: Annotated[list[DeviceEventFields], Meta(min_length=1, max_length=EVENTS_PER_DEVICE_REQUEST_MAX)]
    secret: Annotated[str, Meta(max_length=DEVICE_SECRET_CHARS_MAX)] | None = None


class EventsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How many count now, and how many were known already."""

    accepted: int
    duplicates: int
