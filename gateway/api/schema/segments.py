"""Segments, on the wire."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from gateway.api.schema.messages import AudienceRequest
from gateway.model.limits import APP_NAME_CHARS_MAX, SLUG_CHARS_MAX


class SegmentRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new segment: an audience, without `users` and `subscriptions`."""

    slug: Annotated[str, Meta(max_length=SLUG_CHARS_MAX, description="Lower-case letters, digits, `.`, `-`, `_`.")]
    audience: Annotated[AudienceRequest, Meta(description="Whom a message with this segment is for.")]
    name: Annotated[
        str, Meta(max_length=APP_NAME_CHARS_MAX, description="What people read; the slug where left out.")
    ] = ""
    app: str | None = None


class SegmentChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change of a segment; what is left out stays. An audience replaces the one there was."""

    name: Annotated[str, Meta(min_length=1, max_length=APP_NAME_CHARS_MAX)] | None = None
    audience: AudienceRequest | None = None


class SegmentCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many are in a segment. In 95 of 100 answers devices are off by no more than `margin`; 0 where counted."""

    devices: int
    people: int
    margin: int
    exact: bool


class SegmentAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A saved audience. `version` goes up with each change of the audience; `count` only where asked for."""

    slug: str
    name: str
    audience: dict[str, Any]
    version: int
    created_at: datetime
    changed_at: datetime
    count: SegmentCount | None = None


class SegmentPage(msgspec.Struct, frozen=True):
    """Segments by their slug."""

    data: list[SegmentAnswer]
    next: str | None
