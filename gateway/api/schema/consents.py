"""The ledger of consents on the wire."""

from datetime import datetime
from typing import Literal

import msgspec


class ConsentAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One record: who agreed (or took it back, or changed the topics), when, to which words, where and how.

    at: when the gateway heard it; said_at: the device's own word. page: where, as far as it is known. how: `page`,
    `app`, `server` (with a key), `link` (the preference page) or `import` (given elsewhere, and brought along). seal:
    BLAKE2b-256 over the record and `before`, under `salt`, in hex.
    """

    subscription: str
    number: int
    act: Literal["given", "withdrawn", "changed"]
    at: datetime
    how: Literal["page", "app", "server", "link", "import"]
    user: str | None = None
    text: str | None = None
    said_at: str | None = None
    page: str | None = None
    topics: list[str] | None = None
    location: bool | None = None
    salt: str
    before: str
    seal: str


class ConsentsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """All records of a device, in order. intact: every one is as it was written, and none is missing in between."""

    data: list[ConsentAnswer]
    intact: bool


class ConsentPage(msgspec.Struct, frozen=True):
    """Records of a person, in the order of time."""

    data: list[ConsentAnswer]
