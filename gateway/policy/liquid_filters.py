"""The filters of texts: those of Liquid that text for people needs, and money, dates and plurals by language.

What is missing on purpose: Liquid's own `date` (it reads anything, and knows the time of day), encodings that only
pages need, and whatever could take long for a short text.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from liquid.builtin.filters import array, math, misc, string
from liquid.exceptions import FilterArgumentError
from liquid.undefined import Undefined

from gateway.model.limits import VALUE_CHARS_MAX
from gateway.policy.locale_words import day_or_time, money, number, percent, plural_form, zone_named

_TAG_OF_HTML: Final = re.compile(r"<[^<>]*>")
_NIL: Final = (None,)
"""The library has several things that equal it."""
_ROUND_DIGITS_MAX: Final = 10


class Place(Protocol):
    """Where a text is made: whose language, zone and money."""

    locale: str | None
    timezone: str | None
    currency: str | None


def _of_place(function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that is told where it is, and whose faults are told to whoever wrote the text."""

    def filtered(value: Any, *args: Any, context: Place, **named: Any) -> Any:
        if value is None or value == "" or isinstance(value, Undefined):
            return ""
        try:
            return function(context, value, *args, **named)
        except (TypeError, ValueError, OverflowError, LookupError, OSError) as fault:
            raise FilterArgumentError(f"{function.__name__.strip('_')}: {fault}", token=None) from None

    filtered.with_context = True  # type: ignore[attr-defined]  # the library's own way of saying so
    return filtered


@_of_place
def _money(place: Place, value: Any, currency: Any = None) -> str:
    chosen = currency or place.currency
    if not isinstance(chosen, str):
        raise ValueError("name a currency, such as money: 'EUR', or set the app's")  # noqa: TRY004 - it is told as a wrong value
    return money(value, chosen, place.locale)


@_of_place
def _number(place: Place, value: Any) -> str:
    return number(value, place.locale)


@_of_place
def _percent(place: Place, value: Any) -> str:
    return percent(value, place.locale)


@_of_place
def _date(place: Place, value: Any, form: Any = "medium") -> str:
    return day_or_time(value, str(form), zone_named(place.timezone), place.locale)


@_of_place
def _plural(place: Place, value: Any, *forms: Any, **named: Any) -> str:
    """`n | plural: "item", "items"`, or `n | plural: one: "# item", other: "# items"`; # is the number."""
    if forms:
        named = {"one": forms[0], "other": forms[-1], **named}
    if "other" not in named:
        raise ValueError("say at least the form `other`")
    form = str(named.get(plural_form(value, place.locale), named["other"]))
    return form.replace("#", number(value, place.locale)) if len(form) < VALUE_CHARS_MAX // 100 else form


def _join(items: Any, separator: Any = " ") -> str:
    texts = [text if isinstance(text, str) else str(text) for text in _list(items)]
    _check_chars(sum(map(len, texts)) + len(str(separator)) * len(texts))
    return str(separator).join(texts)


def _replace(value: Any, wanted: Any, other: Any = "") -> str:
    return _replaced(value, wanted, other, times=-1)


def _replace_first(value: Any, wanted: Any, other: Any = "") -> str:
    return _replaced(value, wanted, other, times=1)


def _replaced(value: Any, wanted: Any, other: Any, *, times: int) -> str:
    text, old, new = _text(value), _text(wanted), _text(other)
    found = text.count(old) if times < 0 else times
    _check_chars(len(text) + found * len(new))
    return text.replace(old, new, times)


def _round(value: Any, digits: Any = 0) -> Any:
    if not isinstance(digits, int) or not 0 <= digits <= _ROUND_DIGITS_MAX:
        raise FilterArgumentError(f"round: say 0 to {_ROUND_DIGITS_MAX} digits", token=None)
    return math.round_(value, digits) if digits else math.round_(value)


def _compact(items: Any) -> list[Any]:
    return [item for item in _list(items) if item not in _NIL]


def _strip_html(value: Any) -> str:
    return _TAG_OF_HTML.sub("", _text(value))


def _text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else str(value)


def _list(value: Any) -> list[Any]:
    match value:
        case list() | tuple() | range():
            return list(value)
        case None | Undefined():
            return []
        case _:
            return [value]


def _check_chars(chars: int) -> None:
    if chars > VALUE_CHARS_MAX:
        raise FilterArgumentError("a value becomes too long", token=None)


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "money": _money,
    "number": _number,
    "percent": _percent,
    "date": _date,
    "plural": _plural,
    "join": _join,
    "replace": _replace,
    "replace_first": _replace_first,
    "remove": lambda value, wanted: _replaced(value, wanted, "", times=-1),
    "remove_first": lambda value, wanted: _replaced(value, wanted, "", times=1),
    "round": _round,
    "strip_html": _strip_html,
    "default": misc.default,
    "size": misc.size,
    "abs": math.abs_,
    "at_least": math.at_least,
    "at_most": math.at_most,
    "ceil": math.ceil,
    "divided_by": math.divided_by,
    "floor": math.floor,
    "minus": math.minus,
    "modulo": math.modulo,
    "plus": math.plus,
    "times": math.times,
    "append": string.append,
    "capitalize": string.capitalize,
    "downcase": string.downcase,
    "escape": string.escape,
    "lstrip": string.lstrip,
    "prepend": string.prepend,
    "rstrip": string.rstrip,
    "slice": string.slice_,
    "split": string.split,
    "squish": string.squish,
    "strip": string.strip,
    "strip_newlines": string.strip_newlines,
    "truncate": string.truncate,
    "truncatewords": string.truncatewords,
    "upcase": string.upcase,
    "url_decode": string.url_decode,
    "url_encode": string.url_encode,
    "compact": _compact,
    "concat": array.concat,
    "first": array.first,
    "last": array.last,
    "map": array.map_,
    "reverse": array.reverse,
    "sort": array.sort,
    "sort_natural": array.sort_natural,
    "sum": array.sum_,
    "uniq": array.uniq,
    "where": array.where,
}
"""By the names that texts use."""
