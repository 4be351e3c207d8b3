"""What a device, a shop or an import file says of a device, as it comes in: types are checked here, meaning later."""

from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from gateway.model.subscriber import Consent
from gateway.subscribers.choices import ChoiceFields

_ADDRESS_FIELDS: Final = ("endpoint", "keys", "token", "environment", "bundle_id")


class _Fields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all of them may say. Absent means: leave it as it is.

    The address fields are read by the provider alone (`Transport.address`); `expirationTime` stands in what browsers
    print of a subscription and means nothing to us.
    """

    endpoint: str | None = None
    keys: dict[str, str] | None = None
    token: str | None = None
    environment: str | None = None
    bundle_id: str | None = None
    expiration_time: float | None = msgspec.field(default=None, name="expirationTime")
    vapid_key_id: str | None = None
    """The key that it was made with; absent: the app's current one."""
    key_id: str | None = None
    """The same for apps; absent: the app's key that reaches this device, the current one first."""
    topics: list[str] | None = None
    tags: dict[str, Any] | None = None
    language: str | None = None
    timezone: str | None = None
    platform: str | None = None
    consent: Consent | None = None

    @property
    def named_key(self) -> tuple[str, str] | None:
        """The key that is named, and the field that names it."""
        if self.vapid_key_id is not None:
            return self.vapid_key_id, "vapid_key_id"
        return None if self.key_id is None else (self.key_id, "key_id")

    def address_fields(self) -> dict[str, Any]:
        """The fields that are the provider's, as far as they were given."""
        if self.token is None and self.environment is None and self.bundle_id is None:
            return {} if self.endpoint is self.keys is None else {"endpoint": self.endpoint, "keys": self.keys}
        given = ((name, getattr(self, name)) for name in _ADDRESS_FIELDS)
        return {name: value for name, value in given if value is not None}


class Location(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a device says it is, in degrees; `accuracy_m`: how far off that may be."""

    lat: float
    lon: float
    accuracy_m: float | None = None


class EnrolRequest(_Fields, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An opt-in. `secret` is the one this device got before, where it has one; `user` is for the shop's server only."""

    channel: str
    secret: str | None = None
    user: str | None = None
    location: Location | None = None
    """With consent only: `consent.location`."""
    again: bool = False
    """A page mends by itself, nobody has just agreed: who has left is not brought back (409 `consent_withdrawn`), and a
    device that is known keeps the topics it has."""


class ChangeRequest(_Fields, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A change. Address fields move the device; `topics` is the whole list; a tag of null is taken away.

    `user` (null: nobody) is for the shop's server only; devices log in with a signature (`subscribers.identity`).
    """

    channel: str | None = None
    user: str | UnsetType | None = UNSET
    location: Location | UnsetType | None = UNSET
    """With consent only: `consent.location`. Null: forget it."""


class ImportRow(_Fields, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of an import, as `docs/reference/import-format.md` describes it."""

    channel: str
    user: str | None = None
    country: str | None = None
    created_at: datetime | None = None
    state: str | None = None
    id: str | None = None
    preferences: ChoiceFields | UnsetType = UNSET
    """What whoever holds it chose, while it was nobody's; replaces all of it."""
