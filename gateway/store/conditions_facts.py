"""A subject and its test as SQL: tags, attributes, and the columns of a device's row.

Absent is NULL here, and a condition counts as met only when it is TRUE: whoever negates says `IS NOT TRUE`. Values are
compared as jsonb or as text, never cast: a value of another type is not met, and cannot fail a statement. Equality and
lists are asked by `@>`, which the index subscriptions_known answers. `policy.matching` says the same in Python.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, LiteralString, assert_never

from gateway.model import filter as f
from gateway.model.filter_spans import Span, span_of
from gateway.model.moments import MOMENT
from gateway.model.place import place_key
from gateway.model.subscriber import PLATFORM_NAMES
from gateway.store.arguments import Arguments, joined

_BY_INDEX_MAX: Final = 10
"""Values that are looked for one by one in the index; more are compared with each row."""
_MOMENT: Final = f"^{MOMENT.pattern}$"
_NO_PLATFORM: Final = -1
_PLATFORMS: Final = {name: number for number, name in PLATFORM_NAMES.items()}
_TAGS_OF_DEVICE: Final[LiteralString] = "(attrs -> 'tags')"
_TAGS_OF_PERSON: Final[LiteralString] = "(facts -> 'tags')"
_ATTRIBUTES: Final[LiteralString] = "(facts -> 'attributes')"
_LANGUAGE: Final[LiteralString] = """lower(coalesce(locale, facts ->> 'language') COLLATE "C")"""


def fact_sql(fact: f.Fact, args: Arguments, *, now: datetime) -> LiteralString:
    """TRUE where the subject meets the test."""
    match fact.test:
        case f.IsNot(value):
            return _not(fact_sql(f.Fact(fact.subject, f.Is(value)), args, now=now))
        case f.Exists(False):
            return _not(fact_sql(f.Fact(fact.subject, f.Exists()), args, now=now))
        case _:
            return _met(fact.subject, fact.test, args, span_of(fact.test, now=now))


def _not(sql: LiteralString) -> LiteralString:
    return "(" + sql + ") IS NOT TRUE"


def _met(subject: f.Subject, test: f.Test, args: Arguments, span: Span | None) -> LiteralString:
    match subject:
        case f.Tag(name):
            of_device = _value(_TAGS_OF_DEVICE, name, test, args, span)
            return "(" + of_device + " OR " + _value(_TAGS_OF_PERSON, name, test, args, span) + ")"
        case f.Attribute(name):
            return _value(_ATTRIBUTES, name, test, args, span)
        case f.Known("first_seen"):
            return _time("created_at", span, args)
        case f.Known("last_seen"):
            return _time("seen_at", span, args)
        case f.Known("language"):
            return _language(test, args)
        case f.Known(column):
            return _word(column, test, args)
        case _:
            assert_never(subject)


# --- values of tags and attributes ------------------------------------------------------------------------------------
def _value(held: LiteralString, name: str, test: f.Test, args: Arguments, span: Span | None) -> LiteralString:
    """A test of what an object of values holds under a name."""
    match test:
        case f.Is() | f.OneOf():
            return _one_of(held, name, f.values_of(test), args)
        case f.Has(values):
            return _list_has(held, name, values, args)
        case f.Exists():
            return held + " ? " + args.value(name) + "::text"
        case f.Starts(prefix):
            return _starts(held, args.value(name), args.value(prefix))
        case f.Over() | f.Under() | f.Between() | f.Within():
            if span is not None:
                return _in_span(held + " ->> " + args.value(name) + "::text", span, args)
            return _number(held + " -> " + args.value(name) + "::text", test, args)
        case f.IsNot():
            return "FALSE"  # is the opposite of another test
        case _:
            assert_never(test)


def _one_of(held: LiteralString, name: str, values: Sequence[f.Value], args: Arguments) -> LiteralString:
    if len(values) <= _BY_INDEX_MAX:
        return _holds(held, [{name: value} for value in values], args)
    return held + " -> " + args.value(name) + "::text = ANY(" + args.value(list(values)) + "::jsonb[])"


def _list_has(held: LiteralString, name: str, any_of: Sequence[str], args: Arguments) -> LiteralString:
    if len(any_of) <= _BY_INDEX_MAX:
        return _holds(held, [{name: [word]} for word in any_of], args)
    value = held + " -> " + args.value(name) + "::text"
    return "(jsonb_typeof(" + value + ") = 'array' AND " + value + " ?| " + args.value(list(any_of)) + "::text[])"


def _holds(held: LiteralString, any_of: Sequence[dict[str, object]], args: Arguments) -> LiteralString:
    return joined(" OR ", [held + " @> " + args.value(one) + "::jsonb" for one in any_of], empty="FALSE")


def _starts(held: LiteralString, name: LiteralString, prefix: LiteralString) -> LiteralString:
    begins = "starts_with(" + held + " ->> " + name + "::text, " + prefix + "::text)"
    return "(" + begins + " AND jsonb_typeof(" + held + " -> " + name + "::text) = 'string')"


def _in_span(text: LiteralString, span: Span, args: Arguments) -> LiteralString:
    """Moments in one form: the order of their texts is the order of time."""
    text = "(" + text + ') COLLATE "C"'
    parts: list[LiteralString] = []
    if span.low is not None:
        parts.append(text + " >= " + args.value(span.low) + "::text")
    if span.high is not None:
        parts.append(text + " < " + args.value(span.high) + "::text")
    return joined(" AND ", [*parts, text + " ~ " + args.value(_MOMENT) + "::text"], empty="FALSE")


def _number(value: LiteralString, test: f.Test, args: Arguments) -> LiteralString:
    is_number = "jsonb_typeof(" + value + ") = 'number'"
    match test:
        case f.Over(bound):
            return "(" + is_number + " AND " + value + " > " + args.value(bound) + "::jsonb)"
        case f.Under(bound):
            return "(" + is_number + " AND " + value + " < " + args.value(bound) + "::jsonb)"
        case f.Between(low, high):
            inside = value + " BETWEEN " + args.value(low) + "::jsonb AND " + args.value(high) + "::jsonb"
            return "(" + is_number + " AND " + inside + ")"
        case _:
            return "FALSE"


# --- columns ----------------------------------------------------------------------------------------------------------
def _time(column: LiteralString, span: Span | None, args: Arguments) -> LiteralString:
    low, high = span.moments if span is not None else (None, None)
    parts: list[LiteralString] = []
    if low is not None:
        parts.append(column + " >= " + args.value(low) + "::timestamptz")
    if high is not None:
        parts.append(column + " < " + args.value(high) + "::timestamptz")
    return joined(" AND ", parts, empty="FALSE")


def _word(column: f.Column, test: f.Test, args: Arguments) -> LiteralString:
    match column:
        case "platform":
            numbers = [_PLATFORMS.get(str(word), _NO_PLATFORM) for word in f.values_of(test)]
            return "platform = ANY(" + args.value(numbers) + "::smallint[])"
        case "channel":
            return _text("provider", test, args)
        case "country":
            return _text("country", test, args)
        case "region":
            return _text("region_key", _with_keys(test), args)
        case "city":
            return _text("city_key", _with_keys(test), args)
        case "user":
            return _text("person", test, args)
        case "language" | "first_seen" | "last_seen":
            return "FALSE"  # asked for elsewhere
        case _:
            assert_never(column)


def _with_keys(test: f.Test) -> f.Test:
    """The test with names as places are compared by."""
    match test:
        case f.Is(str(name)):
            return f.Is(place_key(name))
        case f.OneOf(names):
            return f.OneOf(tuple(place_key(str(name)) for name in names))
        case f.Starts(prefix):
            return f.Starts(place_key(prefix))
        case _:
            return test


def _text(column: LiteralString, test: f.Test, args: Arguments) -> LiteralString:
    match test:
        case f.Exists():
            return column + " IS NOT NULL"
        case f.Starts(prefix):
            return "starts_with(" + column + ", " + args.value(prefix) + "::text)"
        case _:
            return column + " = ANY(" + args.value([str(word) for word in f.values_of(test)]) + "::text[])"


def _language(test: f.Test, args: Arguments) -> LiteralString:
    """`nl` is Dutch wherever it is spoken, `nl-BE` is Flemish."""
    match test:
        case f.Exists():
            return _LANGUAGE + " IS NOT NULL"
        case f.Starts(prefix):
            return "starts_with(" + _LANGUAGE + ", " + args.value(prefix.lower()) + "::text)"
        case _:
            wanted = args.value([str(word).lower() for word in f.values_of(test)]) + "::text[]"
            whole = _LANGUAGE + " = ANY(" + wanted + ")"
            return "(" + whole + " OR split_part(" + _LANGUAGE + ", '-', 1) = ANY(" + wanted + "))"
