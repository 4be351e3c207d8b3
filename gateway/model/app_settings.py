"""What an app's owner chose once for all its messages. Stored as the JSON object `apps.settings`.

A setting is one field of `AppSettings`, with the default that holds where nothing is stored. What its type does not
say, a line in `_CHECKS` does. What another version stored and this one does not know is kept as it is.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from gateway.model.cap import Cap, caps_fault
from gateway.model.errors import Invalid
from gateway.model.limits import (
    APPROVAL_OVER_MAX,
    CLICK_BASE_CHARS_MAX,
    DEEP_LINK_SCHEMES_MAX,
    HOLDOUT_PERCENT_MAX,
    SETTINGS_BYTES_MAX,
)
from gateway.model.misfit import wrong
from gateway.model.quiet_hours import QuietHours
from gateway.model.timezone import is_timezone
from gateway.model.utm import Utm

_CURRENCY: Final = re.compile(r"[A-Z]{3}", re.ASCII)
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,3}", re.ASCII)
_SCHEME: Final = re.compile(r"[a-z][a-z0-9.-]{2,63}", re.ASCII)
_FOREIGN_SCHEMES: Final = frozenset((
    "about", "blob", "chrome", "content", "data", "file", "filesystem", "ftp", "http", "https", "intent", "javascript",
    "mailto", "resource", "sms", "tel", "vbscript", "view-source", "ws", "wss",
))  # fmt: skip
"""What a phone or browser does something of its own with."""
_ADDRESS: Final = re.compile(r"https?://[a-z0-9.-]+(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~-]+)*", re.ASCII)
_DEFAULT: Final = "default"
_NUL: Final = b"\\u0000"


class AppSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings in force, defaults included.

    timezone: of those whose own is not known. currency: of all money that events tell. open_topics: pages may name new
    topics. sdk_killed: the page script does nothing. language: whose text those get who find none in their own. utm:
    campaign parameters of all links. deep_link_schemes: of the app's own, such as `shopapp` in `shopapp://cart`.
    caps: at most so many messages a person within a period, beside what people chose themselves.
    approval_over: messages to more devices wait until somebody approves them.
    quiet_hours: when marketing waits; null for never.
    click_links: the gateway's address, such as `https://push.shop.example`, by way of which links in apps lead, so that
    their clicks count (`/c/...`); null: apps get the links as they are.
    """

    timezone: str | None = None
    currency: str | None = None
    open_topics: bool = True
    sdk_killed: bool = False
    holdout_percent: float = 0.0
    language: str | None = None
    utm: Utm | None = None
    deep_link_schemes: tuple[str, ...] = ()
    caps: tuple[Cap, ...] | None = None
    approval_over: int | None = None
    quiet_hours: QuietHours | None = QuietHours()
    click_links: str | None = None


def _timezone_fault(value: Any) -> str:
    return "" if is_timezone(value) else "A time zone is a name such as `Europe/Amsterdam`."


def _currency_fault(value: Any) -> str:
    return "" if _CURRENCY.fullmatch(value) else "A currency is three capital letters, such as `EUR` (ISO 4217)."


def _holdout_fault(value: Any) -> str:
    return "" if 0 <= value <= HOLDOUT_PERCENT_MAX else f"A share to hold out is 0 to {HOLDOUT_PERCENT_MAX:g} percent."


def _language_fault(value: Any) -> str:
    return "" if _LANGUAGE.fullmatch(value) else "A language is a tag such as `nl` or `pt-BR` (RFC 5646)."


def _schemes_fault(value: Any) -> str:
    if len(value) > DEEP_LINK_SCHEMES_MAX:
        return f"At most {DEEP_LINK_SCHEMES_MAX} schemes."
    is_fit = all(_SCHEME.fullmatch(scheme) and scheme not in _FOREIGN_SCHEMES for scheme in value)
    return (
        ""
        if is_fit
        else "A scheme of an app is like `shopapp`: 3 or more letters, digits, `.`, `-`; none of the web's."
    )


def _approval_fault(value: Any) -> str:
    return "" if 1 <= value <= APPROVAL_OVER_MAX else f"A size of an audience is 1 to {APPROVAL_OVER_MAX}."


def _click_links_fault(value: Any) -> str:
    is_fit = len(value) <= CLICK_BASE_CHARS_MAX and _ADDRESS.fullmatch(value)
    return "" if is_fit else "An address is like `https://push.shop.example`, without a slash at its end."


_CHECKS: Final[dict[str, Callable[[Any], str]]] = {
    "timezone": _timezone_fault,
    "currency": _currency_fault,
    "holdout_percent": _holdout_fault,
    "language": _language_fault,
    "deep_link_schemes": _schemes_fault,
    "caps": caps_fault,
    "approval_over": _approval_fault,
    "click_links": _click_links_fault,
}
"""Setting -> what is wrong with a value that is not null and has the right type, as a sentence; "" for nothing."""

_TYPES: Final = {field.encode_name: field for field in msgspec.structs.fields(AppSettings)}


def settings_of(stored: Mapping[str, Any]) -> AppSettings:
    """The settings in force where this is stored."""
    return msgspec.convert(stored, AppSettings)


def merged(stored: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What is to be stored after a change: each setting that is given replaces the one there was.

    `"default"` takes a setting back to its default; so does null, unless null is a choice other than the default.
    Raises `Invalid` with `param` such as `settings.timezone`.
    """
    changed = dict(stored)
    for name, value in given.items():
        field = _TYPES.get(name)
        if field is None:
            known = ", ".join(sorted(_TYPES))
            raise Invalid("field_unknown", f"There is no such setting. There are: {known}.", param=f"settings.{name}")
        if value == _DEFAULT or (value is None and not _is_choice(field, None)):
            changed.pop(name, None)
        else:
            changed[name] = _checked(field, value)
    encoded = msgspec.json.encode(changed)
    if len(encoded) > SETTINGS_BYTES_MAX or _NUL in encoded:
        raise Invalid(
            "field_invalid", f"Settings take at most {SETTINGS_BYTES_MAX} bytes, without NUL.", param="settings"
        )
    return changed


def _is_choice(field: msgspec.structs.FieldInfo, value: object) -> bool:
    """Whether the setting may have this value, and it is not the default anyway."""
    if field.default is value:
        return False
    try:
        msgspec.convert(value, field.type)
    except msgspec.ValidationError:
        return False
    return True


def _checked(field: msgspec.structs.FieldInfo, value: Any) -> Any:
    name = field.encode_name
    try:
        chosen = msgspec.convert(value, field.type)
    except msgspec.ValidationError as fault:
        raise wrong(fault, field.type, prefix=f"settings.{name}") from None
    sentence = _CHECKS[name](chosen) if name in _CHECKS and chosen is not None else ""
    if sentence:
        raise Invalid("field_invalid", sentence, param=f"settings.{name}")
    return msgspec.to_builtins(chosen)
