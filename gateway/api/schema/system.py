"""Health on the wire."""

from datetime import datetime

import msgspec


class Alive(msgspec.Struct, frozen=True):
    """The process turns."""

    alive: bool


class Ready(msgspec.Struct, frozen=True):
    """Whether requests should come here, and if not, why."""

    ready: bool
    reasons: list[str]


class Version(msgspec.Struct, frozen=True):
    """What runs here."""

    version: str
    started_at: datetime
