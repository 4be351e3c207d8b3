"""An app: one site or product of the operator, with its origins, keys and audience."""

from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from gateway.model.app_settings import AppSettings, settings_of
from gateway.model.ids import buckets_of_app

Scope = Literal["send", "read", "manage", "admin", "device"]
SCOPES: Final[tuple[Scope, ...]] = ("send", "read", "manage", "admin", "device")
DEVICE: Final[Scope] = "device"
"""What a publishable key may, and it alone: enrol the device that it comes from. It lies in every copy of an app."""


class App(msgspec.Struct, frozen=True, kw_only=True):
    """One app as every room sees it. `id` is the store's key, `public_id` what `app_...` spells.

    `home` and `spread` place its rows in buckets (`model.ids`). `origins` are exact, such as `https://shop.example`;
    `link_hosts` are the hosts a message may lead to (the origins' own when empty). `settings` are what is stored; what
    holds is `own`.
    """

    id: int
    public_id: int
    name: str
    home: int
    spread: int
    origins: tuple[str, ...]
    link_hosts: tuple[str, ...]
    subject: str
    settings: dict[str, Any]
    created_at: datetime

    @property
    def own(self) -> AppSettings:
        """The settings in force, defaults included. Made anew at each look: half a microsecond."""
        return settings_of(self.settings)

    @property
    def buckets(self) -> list[int]:
        """The buckets that its rows lie in, as many as its spread."""
        return buckets_of_app(home=self.home, spread=self.spread)

    @property
    def allowed_hosts(self) -> frozenset[str]:
        """Hosts (with port, if not the scheme's own) that links may name."""
        return frozenset(self.link_hosts) or frozenset(origin.partition("://")[2] for origin in self.origins)


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """An API key as it is stored: never the secret, only its SHA-256. `app_id` is None for the installation's own."""

    id: int
    app_id: int | None
    name: str
    scopes: tuple[Scope, ...]
    hash: bytes
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    @property
    def is_publishable(self) -> bool:
        """Whether its text is no secret."""
        return DEVICE in self.scopes
