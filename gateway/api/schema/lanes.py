"""Lanes on the wire: an app's key at one push service."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class LaneAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A lane that stands still or is slowed. Lanes that are not listed run freely."""

    app: str
    key: Annotated[str, Meta(description="The app's key at the provider, `key_...`.")] | None
    channel: str | None
    host: Annotated[str, Meta(description="The push service.")]
    state: Literal["running", "parked", "stopped"]
    reason: str
    meaning: Annotated[str, Meta(description="The reason in a sentence.")]
    since: datetime
    until: Annotated[datetime, Meta(description="When the next push is tried; none when that is now.")] | None
    rate_per_s: Annotated[float, Meta(description="The rate that the service forced on it, of all processes.")] | None


class LanePage(msgspec.Struct, frozen=True):
    """Lanes, the stopped ones first, then those that stand longest."""

    data: list[LaneAnswer]
    next: str | None


class LaneResume(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Try a lane again now: what was wrong with it is mended."""

    key: Annotated[str, Meta(description="The app's key at the provider, `key_...`.")]
    host: Annotated[str, Meta(max_length=270, description="The push service, as the list shows it.")]


class LaneResumed(msgspec.Struct, frozen=True, kw_only=True):
    """The lane is tried by the next push, and has no rate any more."""

    app: str
    key: str
    host: str
