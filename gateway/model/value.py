"""Values of attributes and tags: a text, a number, true or false, or a list of texts, checked and in one spelling.

A date with a time is a text in RFC 3339; it is kept in UTC to the second (`2026-12-01T08:00:00Z`), so that two of them
compare as texts do. A plain date stays as it is. Postgres holds no NUL character, so none passes here.
"""

import re
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

import msgspec

from gateway.model.errors import Invalid
from gateway.model.limits import ATTRIBUTE_BYTES_MAX, ATTRIBUTE_NAME_CHARS_MAX, LIST_TEXTS_MAX, NUMBER_MAX

Value: TypeAlias = str | bool | int | float | list[str]

_MOMENT: Final = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})", re.ASCII)
_NUL: Final = "\0"
_SURELY_SHORT_CHARS: Final = ATTRIBUTE_BYTES_MAX // 6 - 2
"""A character takes six bytes of JSON at most (`\\u001f`), and the quotes two."""


def check_name(name: str, *, kind: str) -> None:
    """Refuses a name of an attribute or a tag that is none. `kind` is the field, such as `attributes`."""
    if not name or len(name) > ATTRIBUTE_NAME_CHARS_MAX or not name.isprintable():
        raise Invalid("field_invalid", f"A name has 1 to {ATTRIBUTE_NAME_CHARS_MAX} printable characters.", param=kind)


def check_value(value: Any, *, param: str) -> Value:
    """The value as it is kept. Raises `Invalid`."""
    checked = _checked(value, param)
    if not isinstance(checked, list) and (not isinstance(checked, str) or len(checked) <= _SURELY_SHORT_CHARS):
        return checked
    if len(msgspec.json.encode(checked)) > ATTRIBUTE_BYTES_MAX:
        raise Invalid("field_invalid", f"A value takes at most {ATTRIBUTE_BYTES_MAX} bytes.", param=param)
    return checked


def _checked(value: Any, param: str) -> Value:
    match value:
        case bool():
            return value
        case int() | float():
            if abs(value) > NUMBER_MAX:
                raise Invalid("field_invalid", f"A number lies between -{NUMBER_MAX} and {NUMBER_MAX}.", param=param)
            return value
        case str():
            return _text(value, param)
        case list() if len(value) <= LIST_TEXTS_MAX and all(isinstance(one, str) for one in value):
            return [_text(one, param) for one in value]
        case list():
            raise Invalid("field_invalid", f"A list has at most {LIST_TEXTS_MAX} entries, all texts.", param=param)
        case _:
            raise Invalid(
                "field_invalid", "A value is a text, a number, true or false, or a list of texts.", param=param
            )


def _text(text: str, param: str) -> str:
    if _NUL in text:
        raise Invalid("field_invalid", "A text holds the character U+0000, which cannot be stored.", param=param)
    return normalised(text) if _MOMENT.fullmatch(text) else text


def normalised(text: str) -> str:
    """A moment of RFC 3339 in UTC to the second; a text that only looks like one (a 13th month) as it is."""
    try:
        at = datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return text
    return f"{at:%Y-%m-%dT%H:%M:%SZ}" if at.year >= 1000 else text  # noqa: PLR2004 - strftime pads no year
