"""Apps and what is theirs, on the wire."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from gateway.model.app import Scope
from gateway.model.app_settings import AppSettings
from gateway.model.limits import (
    APP_NAME_CHARS_MAX,
    LINK_HOSTS_PER_APP_MAX,
    ORIGINS_PER_APP_MAX,
    SLUG_CHARS_MAX,
    STOP_REASON_CHARS_MAX,
)

Settings = Annotated[
    dict[str, Any],
    Meta(
        description="What is named replaces what there was. `default`, or null where that is no choice, takes it back."
    ),
]


class AppRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new app: one site or product."""

    name: str
    origins: Annotated[list[str], Meta(max_length=ORIGINS_PER_APP_MAX, description="Such as https://shop.example")] = []
    link_hosts: Annotated[list[str], Meta(max_length=LINK_HOSTS_PER_APP_MAX)] = []
    subject: Annotated[str, Meta(description="Contact that push services see; the setting's where it is left out.")] = (
        ""
    )
    settings: Settings = {}


class AppChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What to change of an app; what is left out stays."""

    name: str | None = None
    origins: Annotated[list[str], Meta(max_length=ORIGINS_PER_APP_MAX)] | None = None
    link_hosts: Annotated[list[str], Meta(max_length=LINK_HOSTS_PER_APP_MAX)] | None = None
    subject: str | None = None
    settings: Settings | None = None


class StopRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An emergency stop."""

    reason: Annotated[
        str, Meta(max_length=STOP_REASON_CHARS_MAX, description="For those who find the app stopped.")
    ] = ""


class Stopped(msgspec.Struct, frozen=True, kw_only=True):
    """Who stopped an app, when and why. Nothing of it is sent, and no message is taken."""

    at: datetime
    by: str
    reason: str


class AppAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An app, with the settings in force."""

    id: str
    name: str
    origins: list[str]
    link_hosts: list[str]
    subject: str
    settings: AppSettings
    created_at: datetime
    stopped: Annotated[Stopped | None, Meta(description="null: it sends.")] = None


class CreatedApp(msgspec.Struct, frozen=True, kw_only=True):
    """A new app, with the API key that is told here and never again."""

    id: str
    name: str
    origins: list[str]
    link_hosts: list[str]
    subject: str
    settings: AppSettings
    created_at: datetime
    vapid_public_key: str
    vapid_key_id: str | None
    api_key: str
    snippet: str


class AppPage(msgspec.Struct, frozen=True):
    """Apps in the order they were made."""

    data: list[AppAnswer]
    next: str | None


class KeyRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new API key."""

    name: str
    scopes: Annotated[
        list[Scope],
        Meta(min_length=1, max_length=4, description="`device` alone makes a publishable key."),
    ]
    app: Annotated[str, Meta(description="Left out with a key of the installation: another one of those.")] | None = (
        None
    )
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None


class KeyAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An API key without its secret; `key` is the text of a publishable one, which has none."""

    id: str
    app: str | None
    name: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    key: str | None = None


class IssuedKey(msgspec.Struct, frozen=True, kw_only=True):
    """A new API key with its text, which is told here and never again; of a publishable one it is no secret."""

    id: str
    app: str | None
    name: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    key: str


class KeyPage(msgspec.Struct, frozen=True):
    """Keys, the oldest first."""

    data: list[KeyAnswer]
    next: str | None


class CredentialRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key that the app has elsewhere already, so that its subscriptions can be moved here."""

    channel: str
    private_key: (
        Annotated[str, Meta(max_length=16_384, description="In any form that the provider reads, such as PEM.")]
        | Annotated[dict[str, Any], Meta(description="The same where that form is a JSON object.")]
    )
    current: Annotated[bool, Meta(description="Use it for new subscriptions.")] = False


class RotateRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new key for new subscriptions; the old one lives on for its own."""

    channel: str


class CredentialAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What may be seen of an app's key at a provider."""

    id: str
    channel: str
    public: dict[str, Any]
    current: bool
    created_at: datetime
    retired_at: datetime | None


class CredentialPage(msgspec.Struct, frozen=True):
    """Credentials, the oldest first."""

    data: list[CredentialAnswer]
    next: str | None


class KeyMeterAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How many devices are reached with a key only. `share`: of all at its channel, 0 to 1.

    `came_over`: those that were there before the key was current, and moved to it at a visit. `may_retire_at`: when the
    last device that needs the key will have stayed away for 180 days; null while new devices are made with it.
    """

    id: str
    channel: str
    current: bool
    current_at: datetime | None
    devices: int
    share: float
    came_over: int
    last_seen_at: datetime | None
    may_retire_at: datetime | None


class KeyMeterPage(msgspec.Struct, frozen=True):
    """The live keys, the oldest first."""

    data: list[KeyMeterAnswer]
    next: str | None


class TopicRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new topic."""

    slug: Annotated[str, Meta(max_length=SLUG_CHARS_MAX, description="Lower-case letters, digits, `.`, `-`, `_`.")]
    name: Annotated[
        str, Meta(max_length=APP_NAME_CHARS_MAX, description="What people read; the slug where left out.")
    ] = ""
    app: str | None = None


class TopicAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A topic that devices follow."""

    slug: str
    name: str
    created_at: datetime


class TopicPage(msgspec.Struct, frozen=True):
    """Topics by their slug."""

    data: list[TopicAnswer]
    next: str | None
