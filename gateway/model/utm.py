"""Campaign parameters of links, as web analytics read them: https://support.google.com/analytics/answer/10917952"""

from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.model.limits import UTM_CHARS_MAX

Value = Annotated[str, Meta(max_length=UTM_CHARS_MAX)]


class Utm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What links tell of where a visitor came from. None: not said here; "": without it."""

    source: Value | None = None
    medium: Value | None = None
    campaign: Value | None = None
    term: Value | None = None
    content: Value | None = None


def joined(of_app: Utm | None, of_message: Utm | None) -> dict[str, str]:
    """The parameters by name, `utm_source` and so on: the message's, else the app's."""
    said: dict[str, str] = {}
    for name in Utm.__struct_fields__:
        own: str | None = getattr(of_message, name, None)
        value = getattr(of_app, name, None) if own is None else own
        if value:
            said[f"utm_{name}"] = value
    return said
