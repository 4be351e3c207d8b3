"""Does a filter hold for one device? In Python, by the same rules as the SQL of `store.conditions`.

What is absent, or of another type than a test asks for, is not met; `not`, `none` and `exists: false` are the opposites
of their tests, so that they are met then. A test on random people holds the two to the same answers.
"""

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Any, Final, assert_never, cast

import msgspec

from gateway.model import filter as f
from gateway.model.filter_spans import DAY_S, Span, day_number, day_text, since, span_of
from gateway.model.moments import MOMENT
from gateway.model.place import place_key
from gateway.model.subscriber import PLATFORM_NAMES

_ABSENT: Final = object()
_DIGITS_MAX: Final = 400
"""Digits of sums: the largest number of JSON readers has 309, and its smallest as many behind the point."""
_MOMENT: Final = re.compile(MOMENT.pattern, re.ASCII)


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """A device as filters see it. `attrs` are its own tags, `facts` what is copied from its person.

    topics, lists and segments by name: those that it is in, of those that the filter asks for.
    """

    channel: str
    platform: int = 0
    locale: str | None = None
    country: str | None = None
    region: str | None = None
    city: str | None = None
    user: str | None = None
    first_seen: datetime
    last_seen: datetime
    topics: Collection[str] = ()
    lists: Collection[str] = ()
    segments: Collection[str] = ()
    attrs: Mapping[str, Any] | None = None
    facts: Mapping[str, Any] | None = None


def matches(where: f.Where, device: Described, *, now: datetime) -> bool:
    """Whether the filter holds for the device; periods go back from now."""
    match where:
        case f.All(terms):
            return all(matches(term, device, now=now) for term in terms)
        case f.AnyOf(terms):
            return any(matches(term, device, now=now) for term in terms)
        case f.NoneOf(terms):
            return not any(matches(term, device, now=now) for term in terms)
        case _:
            return _holds(where, device, now)


def _holds(leaf: f.Leaf, device: Described, now: datetime) -> bool:
    match leaf:
        case f.Fact(subject, f.IsNot(value)):
            return not _holds(f.Fact(subject, f.Is(value)), device, now)
        case f.Fact(subject, f.Exists(False)):
            return not _holds(f.Fact(subject, f.Exists()), device, now)
        case f.Fact(subject, test):
            return _met(subject, test, device, span_of(test, now=now))
        case f.Done():
            return _is_done(leaf, device, now) is leaf.is_done
        case f.Total():
            total, bound = _total(leaf, device, now), Decimal(str(leaf.bound))
            return total > bound if leaf.relation == "over" else total < bound
        case f.Follows(slug):
            return slug in device.topics
        case f.InSegment(slug):
            return slug in device.segments
        case f.OnList(slug):
            return slug in device.lists
        case _:
            assert_never(leaf)


# --- facts ------------------------------------------------------------------------------------------------------------
def _met(subject: f.Subject, test: f.Test, device: Described, span: Span | None) -> bool:
    match subject:
        case f.Tag(name):
            sides = (_object(device.attrs, "tags"), _object(device.facts, "tags"))
            return any(_value_meets(side.get(name, _ABSENT), test, span) for side in sides)
        case f.Attribute(name):
            return _value_meets(_object(device.facts, "attributes").get(name, _ABSENT), test, span)
        case f.Known("first_seen"):
            return _is_within(device.first_seen, span)
        case f.Known("last_seen"):
            return _is_within(device.last_seen, span)
        case f.Known("language"):
            return _language_meets(_language(device), test)
        case f.Known("platform"):
            return _word_meets(PLATFORM_NAMES.get(device.platform, ""), test)
        case f.Known("region"):
            return _place_meets(device.region, test)
        case f.Known("city"):
            return _place_meets(device.city, test)
        case f.Known(column):
            return _word_meets(cast("str | None", getattr(device, column)), test)
        case _:
            assert_never(subject)


def _object(held: Mapping[str, Any] | None, name: str) -> Mapping[str, Any]:
    inside = (held or {}).get(name)
    return cast("Mapping[str, Any]", inside) if isinstance(inside, Mapping) else {}


def _value_meets(value: object, test: f.Test, span: Span | None) -> bool:
    match test:
        case f.Is(wanted):
            return _is_same(value, wanted)
        case f.OneOf(wanted):
            return any(_is_same(value, one) for one in wanted)
        case f.Has(wanted):
            return isinstance(value, list) and any(one in value for one in wanted)
        case f.Exists():
            return value is not _ABSENT
        case f.Starts(prefix):
            return isinstance(value, str) and value.startswith(prefix)
        case f.Over() | f.Under() | f.Between() | f.Within():
            return _is_in_span(value, span) if span is not None else _number_meets(value, test)
        case f.IsNot():
            return False  # is the opposite of another test
        case _:
            assert_never(test)


def _is_same(value: object, wanted: f.Value) -> bool:
    """Equal and of one kind: in Python True is 1, in JSON it is not."""
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    return isinstance(value, str | int | float) and value == wanted


def _number_meets(value: object, test: f.Test) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    match test:
        case f.Over(int() | float() as bound):
            return value > bound
        case f.Under(int() | float() as bound):
            return value < bound
        case f.Between(int() | float() as low, int() | float() as high):
            return low <= value <= high
        case _:
            return False


def _is_in_span(value: object, span: Span) -> bool:
    if not isinstance(value, str) or _MOMENT.fullmatch(value) is None:
        return False
    return (span.low is None or value >= span.low) and (span.high is None or value < span.high)


def _is_within(at: datetime, span: Span | None) -> bool:
    low, high = span.moments if span is not None else (None, at)
    return (low is None or at >= low) and (high is None or at < high)


def _word_meets(word: str | None, test: f.Test) -> bool:
    if word is None:
        return False
    match test:
        case f.Exists():
            return True
        case f.Starts(prefix):
            return word.startswith(prefix)
        case _:
            return word in f.values_of(test)


def _place_meets(name: str | None, test: f.Test) -> bool:
    """Names of places are compared without case and accents."""
    if name is None:
        return False
    match test:
        case f.Exists():
            return True
        case f.Starts(prefix):
            return place_key(name).startswith(place_key(prefix))
        case _:
            return place_key(name) in {place_key(str(word)) for word in f.values_of(test)}


def _language(device: Described) -> str | None:
    said = device.locale if device.locale is not None else (device.facts or {}).get("language")
    return said.lower() if isinstance(said, str) else None


def _language_meets(language: str | None, test: f.Test) -> bool:
    """`nl` is Dutch wherever it is spoken, `nl-BE` is Flemish."""
    match test:
        case f.Starts(prefix):
            return language is not None and language.startswith(prefix.lower())
        case f.Exists():
            return language is not None
        case _:
            wanted = {str(word).lower() for word in f.values_of(test)}
            return language is not None and not wanted.isdisjoint((language, language.partition("-")[0]))


# --- events -----------------------------------------------------------------------------------------------------------
def _event(device: Described, name: str) -> Mapping[str, Any]:
    return _object(_object(device.facts, "events"), name)


def _is_done(done: f.Done, device: Described, now: datetime) -> bool:
    event = _event(device, done.event)
    if done.within is None:
        return bool(event)
    return bool(event) and event["last"] >= int(since(done.within, now=now).timestamp())


def _in_all(total: f.Total, event: Mapping[str, Any]) -> Decimal:
    return Decimal(str(event.get("n" if total.measure == "count" else "sum", 0)))


def _total(total: f.Total, device: Described, now: datetime) -> Decimal:
    """Added up in decimals, as the database does."""
    event = _event(device, total.event)
    if total.within is None:
        return _in_all(total, event)
    first = day_number(since(total.within, now=now))
    if event and event["first"] >= first * DAY_S:
        return _in_all(total, event)
    place = 0 if total.measure == "count" else 1
    figures = [day[place] for number, day in _object(event, "days").items() if number >= day_text(first)]
    with localcontext(prec=_DIGITS_MAX):
        return sum((Decimal(str(figure)) for figure in figures), Decimal(0))
