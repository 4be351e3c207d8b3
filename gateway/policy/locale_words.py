"""Money, numbers, dates and plurals as they are written in a language, by Unicode's CLDR (https://cldr.unicode.org/)."""

import re
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime, format_time
from babel.numbers import format_currency, format_decimal, format_percent

from gateway.model.limits import DATE_PATTERN_CHARS_MAX, LANGUAGE_CHARS_MAX, NUMBER_DIGITS_MAX

_FALL_BACK: Final = "en"
_CURRENCY: Final = re.compile(r"[A-Z]{3}", re.ASCII)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_LENGTHS: Final = ("short", "medium", "long", "full")
_DIRECTIVES: Final = {
    "Y": "yyyy", "y": "yy", "m": "MM", "-m": "M", "d": "dd", "-d": "d", "e": "d", "b": "MMM", "B": "MMMM", "a": "EEE",
    "A": "EEEE", "H": "HH", "-H": "H", "I": "hh", "-I": "h", "M": "mm", "S": "ss", "p": "a", "j": "DDD", "%": "'%'",
}  # fmt: skip
"""Directives of strftime that Liquid's own `date` takes -> fields of CLDR."""
_DIRECTIVE: Final = re.compile(r"%(-?[A-Za-z%])|([^%]+)|%")
_ABOVE_ANY: Final = Decimal(10) ** NUMBER_DIGITS_MAX


@lru_cache(maxsize=512)
def locale_named(name: str | None) -> Locale:
    """The locale of a language tag, its language without the region, or English."""
    wanted = (name or _FALL_BACK).replace("_", "-")[:LANGUAGE_CHARS_MAX]
    for text in (wanted, wanted.partition("-")[0]):
        try:
            return Locale.parse(text, sep="-")
        except (UnknownLocaleError, ValueError, TypeError):
            continue
    return Locale.parse(_FALL_BACK)


def money(value: Any, currency: str, locale: str | None) -> str:
    """`12.5` as `€12.50` in English and `€ 12,50` in Dutch. Raises `ValueError`."""
    if _CURRENCY.fullmatch(currency) is None:
        raise ValueError("a currency is three capital letters")
    return format_currency(number_in(value), currency, locale=locale_named(locale))


def number(value: Any, locale: str | None) -> str:
    """`1234.5` as `1,234.5` in English and `1.234,5` in Dutch. Raises `ValueError`."""
    return format_decimal(number_in(value), locale=locale_named(locale))


def percent(value: Any, locale: str | None) -> str:
    """`0.25` as `25%` in English and `25 %` in German. Raises `ValueError`."""
    return format_percent(number_in(value), locale=locale_named(locale))


def plural_form(value: Any, locale: str | None) -> str:
    """`one`, `other`, and in other languages `zero`, `two`, `few`, `many`. Raises `ValueError`."""
    return locale_named(locale).plural_form(abs(number_in(value)))


def day_or_time(value: Any, form: str, zone: tzinfo, locale: str | None) -> str:
    """A date or time in a form: short, medium, long, full, `time`, strftime's directives, or a pattern of CLDR.

    value: RFC 3339 text, a plain date, or Unix seconds. Raises `ValueError` for anything else.
    """
    if len(form) > DATE_PATTERN_CHARS_MAX:
        raise ValueError("the pattern of a date is too long")
    moment, where = moment_in(value, zone), locale_named(locale)
    if form == "time":
        if not isinstance(moment, datetime):
            raise ValueError("a plain date has no time")
        return format_time(moment, "short", locale=where)
    pattern = form if form in _LENGTHS else _pattern_of(form)
    if form in _LENGTHS or not isinstance(moment, datetime):
        return format_date(moment, pattern, locale=where)
    return format_datetime(moment, pattern, locale=where)


def number_in(value: Any) -> Decimal:
    """A number, or a text that is one. Raises `ValueError`."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ValueError("it is no number")  # noqa: TRY004 - a wrong value is one fault to whoever wrote the text
    try:
        found = Decimal(str(value).strip())
    except InvalidOperation:
        raise ValueError("it is no number") from None
    if not found.is_finite() or abs(found) >= _ABOVE_ANY:
        raise ValueError("the number is too large")
    return found


def moment_in(value: Any, zone: tzinfo) -> date:
    """A day, or a moment in the zone. Raises `ValueError`."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return datetime.fromtimestamp(value, UTC).astimezone(zone)
    if not isinstance(value, str):
        raise ValueError("it is no date")  # noqa: TRY004 - as above
    if _DAY.fullmatch(value):
        return date.fromisoformat(value)
    moment = datetime.fromisoformat(value)
    return moment.astimezone(zone) if moment.tzinfo else moment.replace(tzinfo=UTC).astimezone(zone)


@lru_cache(maxsize=512)
def zone_named(name: str | None) -> tzinfo:
    """The zone, or UTC where there is none of that name."""
    try:
        return ZoneInfo(name) if name else UTC
    except (OSError, ValueError):
        return UTC


def _pattern_of(form: str) -> str:
    if "%" not in form:
        return form
    parts: list[str] = []
    for match in _DIRECTIVE.finditer(form):
        directive, words = match.groups()
        if words is None and directive not in _DIRECTIVES:
            raise ValueError(f"a date has no directive {match[0]}")
        parts.append(_DIRECTIVES[directive] if words is None else "'" + words.replace("'", "''") + "'")
    return "".join(parts)
