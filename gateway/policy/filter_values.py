"""Values inside a filter's JSON, each checked: a text, a number, a name, a period. Faults carry their path."""

import math
from collections.abc import Collection, Mapping
from typing import Final, cast

from gateway.model.errors import Invalid
from gateway.model.filter import Value
from gateway.model.limits import FILTER_NUMBER_MAX, FILTER_VALUES_MAX, TAG_BYTES_MAX, TAG_NAME_CHARS_MAX
from gateway.model.moments import normal_moment
from gateway.model.period import parse_period
from gateway.model.slug import SLUG

SHOWN_CHARS: Final = 40
"""So much of an unknown name is repeated to the caller."""


def fault(param: str, why: str) -> Invalid:
    """What refuses the filter: a 422 that names the place."""
    return Invalid("filter_invalid", why, param=param)


def as_object(value: object, param: str) -> dict[str, object]:
    """A JSON object."""
    if not isinstance(value, dict):
        raise fault(param, "Expected an object.")
    return cast("dict[str, object]", value)


def only(fields: Mapping[str, object], known: Collection[str], param: str) -> None:
    """Refuses fields that are not known here."""
    for name in fields:
        if name not in known:
            raise fault(f"{param}.{name[:SHOWN_CHARS]}", f"Expected nothing here but {', '.join(sorted(known))}.")


def as_values(value: object, param: str) -> list[object]:
    """A list of one value to `FILTER_VALUES_MAX`."""
    values = cast("list[object]", value) if isinstance(value, list) else []
    if not 1 <= len(values) <= FILTER_VALUES_MAX:
        raise fault(param, f"Expected a list of 1 to {FILTER_VALUES_MAX} values.")
    return values


def as_bool(value: object, param: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise fault(param, "Expected true or false.")
    return value


def text_of(value: object, param: str) -> str:
    """A text that the database can hold."""
    if not isinstance(value, str):
        raise fault(param, "Expected a text.")
    if len(value.encode(errors="replace")) > TAG_BYTES_MAX or "\x00" in value:
        raise fault(param, f"A text has at most {TAG_BYTES_MAX} bytes and no NUL character.")
    return value


def name_of(value: object, param: str) -> str:
    """The name of a tag, an attribute or an event."""
    name = text_of(value, param)
    if not 1 <= len(name) <= TAG_NAME_CHARS_MAX:
        raise fault(param, f"A name has 1 to {TAG_NAME_CHARS_MAX} characters.")
    return name


def slug_of(value: object, param: str) -> str:
    """The name of a topic or a segment."""
    slug = text_of(value, param)
    if SLUG.fullmatch(slug) is None:
        raise fault(param, "Such a name has lower-case letters, digits, `.`, `-` and `_`.")
    return slug


def number_of(value: object, param: str) -> int | float:
    """A number that every JSON reader takes for the same."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise fault(param, "Expected a number.")
    if not math.isfinite(value) or abs(value) > FILTER_NUMBER_MAX:
        raise fault(param, f"A number lies between -{FILTER_NUMBER_MAX} and {FILTER_NUMBER_MAX}.")
    return value


def plain_value(value: object, param: str) -> Value:
    """A text, a number, or true or false."""
    if isinstance(value, bool):
        return value
    if not isinstance(value, str | int | float):
        raise fault(param, "Expected a text, a number, or true or false.")
    return text_of(value, param) if isinstance(value, str) else number_of(value, param)


def moment_in(value: object, param: str) -> str:
    """A date or a moment, in the one form in which they are compared."""
    moment = normal_moment(value) if isinstance(value, str) else None
    if moment is None:
        raise fault(param, "Expected a date such as 2026-12-01, or a moment such as 2026-12-01T09:00:00+01:00.")
    return moment


def bound_of(value: object, param: str) -> int | float | str:
    """A number, or a date or moment."""
    if isinstance(value, str) and normal_moment(value) is None:
        raise fault(param, "Expected a number, a date such as 2026-12-01, or a moment such as 2026-12-01T09:00:00Z.")
    return moment_in(value, param) if isinstance(value, str) else number_of(value, param)


def period_of(value: object, param: str) -> str:
    """A period back from now."""
    if not isinstance(value, str) or parse_period(value) is None:
        raise fault(param, "Expected a period such as P30D, P1Y6M or PT12H, of a century at most.")
    return value
