"""Parts of what a message says, on the wire."""

from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from gateway.model.limits import ACTION_ID_CHARS_MAX, ACTION_TITLE_CHARS_MAX

Text: TypeAlias = str | dict[str, str]
"""One text, or one per language."""


class ActionRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A button; its id comes back with the click."""

    id: Annotated[str, Meta(min_length=1, max_length=ACTION_ID_CHARS_MAX)]
    title: Annotated[str, Meta(min_length=1, max_length=ACTION_TITLE_CHARS_MAX)]
    icon: Annotated[str, Meta(description="https")] = ""
    url: Annotated[str, Meta(description="On one of the app's link hosts.")] = ""
