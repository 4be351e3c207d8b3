"""Lists of people and devices, on the wire."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.model.limits import APP_NAME_CHARS_MAX, SLUG_CHARS_MAX


class ListRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new list, with nobody on it."""

    slug: Annotated[str, Meta(max_length=SLUG_CHARS_MAX, description="Lower-case letters, digits, `.`, `-`, `_`.")]
    name: Annotated[
        str, Meta(max_length=APP_NAME_CHARS_MAX, description="What people read; the slug where left out.")
    ] = ""
    app: str | None = None


class ListCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Who is on a list. `users` may have no device yet; `devices` are those that can be sent to."""

    users: int
    devices: int


class ListAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A list that a shop brought; `counts` only where asked for."""

    slug: str
    name: str
    created_at: datetime
    imported_at: datetime | None
    counts: ListCounts | None = None


class ListPage(msgspec.Struct, frozen=True):
    """Lists by their slug."""

    data: list[ListAnswer]
    next: str | None
