"""From the JSON of a `where` to its tree. Whatever is wrong is told with the path of the fault."""

import re
from collections.abc import Callable, Mapping
from typing import Final, Literal, cast, get_args

from gateway.model import filter as f
from gateway.model.errors import Invalid
from gateway.model.limits import FILTER_CONDITIONS_MAX, FILTER_DEPTH_MAX
from gateway.model.moments import normal_moment
from gateway.model.subscriber import PLATFORM_NAMES
from gateway.policy.filter_values import (
    SHOWN_CHARS,
    as_bool,
    as_object,
    as_values,
    bound_of,
    fault,
    moment_in,
    name_of,
    number_of,
    only,
    period_of,
    plain_value,
    slug_of,
    text_of,
)

_GROUPS: Final[dict[str, Callable[[tuple[f.Where, ...]], f.Where]]] = {"all": f.All, "any": f.AnyOf, "none": f.NoneOf}

_OF_VALUES: Final = frozenset(
    {"is", "not", "in", "starts", "over", "under", "between", "before", "after", "within", "has", "has_any", "exists"}
)
_OF_WORDS: Final = frozenset({"is", "not", "in", "starts", "exists"})
_OF_CHOICES: Final = frozenset({"is", "not", "in"})
_OF_MOMENTS: Final = frozenset({"over", "under", "between", "before", "after", "within"})
TESTS_OF: Final[dict[str, frozenset[str]]] = {
    "tag": _OF_VALUES,
    "attribute": _OF_VALUES,
    "language": _OF_WORDS,
    "platform": _OF_CHOICES,
    "channel": _OF_CHOICES,
    "country": _OF_WORDS,
    "region": _OF_WORDS,
    "city": _OF_WORDS,
    "first_seen": _OF_MOMENTS,
    "last_seen": _OF_MOMENTS,
    "user": frozenset({"exists"}),
}
"""The operators that each subject takes."""

_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_PLATFORMS: Final = tuple(sorted(PLATFORM_NAMES.values()))

ORDER_EVENT: Final = "order_placed"
"""The event that `spent` and `orders` are about; its value is the order's total."""


def read_where(value: object, param: str) -> f.Where:
    """The tree of a `where`. Raises `Invalid` (422) with the path of what is wrong, such as `where.all[1].over`."""
    return _Reading().where(value, param, depth=0)


class _Reading:
    """One filter; counts its conditions."""

    def __init__(self) -> None:
        self._conditions = 0

    def where(self, value: object, param: str, *, depth: int) -> f.Where:
        fields = as_object(value, param)
        for name, group in _GROUPS.items():
            if name in fields and "event" not in fields:  # an event may be asked for by `none`, too
                only(fields, {name}, param)
                return group(self._terms(fields[name], f"{param}.{name}", depth=depth + 1))
        self._conditions += 1
        if self._conditions > FILTER_CONDITIONS_MAX:
            raise fault(param, f"A filter has at most {FILTER_CONDITIONS_MAX} conditions.")
        return _condition(fields, param)

    def _terms(self, value: object, param: str, *, depth: int) -> tuple[f.Where, ...]:
        if depth > FILTER_DEPTH_MAX:
            raise fault(param, f"A filter is nested at most {FILTER_DEPTH_MAX} deep.")
        if not isinstance(value, list) or not value:
            raise fault(param, "Expected a list with at least one condition.")
        terms = cast("list[object]", value)
        if len(terms) > FILTER_CONDITIONS_MAX:
            raise fault(param, f"A filter has at most {FILTER_CONDITIONS_MAX} conditions.")
        return tuple(self.where(term, f"{param}[{at}]", depth=depth) for at, term in enumerate(terms))


def _condition(fields: Mapping[str, object], param: str) -> f.Leaf:
    named = [name for name in _CONDITIONS if name in fields]
    if len(named) != 1:
        raise _not_one_subject(fields, named, param)
    return _CONDITIONS[named[0]](fields, param)


def _not_one_subject(fields: Mapping[str, object], named: list[str], param: str) -> Invalid:
    if len(named) > 1:
        return fault(f"{param}.{named[1]}", f"A condition is about one thing, and `{named[0]}` is named already.")
    unknown = next(iter(fields), None)
    where = param if unknown is None else f"{param}.{unknown[:SHOWN_CHARS]}"
    return fault(where, f"Expected `all`, `any`, `none` or a condition: {', '.join(_CONDITIONS)}.")


# --- facts ------------------------------------------------------------------------------------------------------------
def _tag(fields: Mapping[str, object], param: str) -> f.Leaf:
    subject = f.Tag(name_of(fields["tag"], f"{param}.tag"))
    return f.Fact(subject, _test(fields, param, subject="tag", besides={"tag"}))


def _attribute(fields: Mapping[str, object], param: str) -> f.Leaf:
    subject = f.Attribute(name_of(fields["attribute"], f"{param}.attribute"))
    return f.Fact(subject, _with_moments(_test(fields, param, subject="attribute", besides={"attribute"})))


def _with_moments(test: f.Test) -> f.Test:
    """The test with moments as attributes are stored: in UTC, to the second."""
    match test:
        case f.Is(str(value)):
            return f.Is(normal_moment(value) or value)
        case f.IsNot(str(value)):
            return f.IsNot(normal_moment(value) or value)
        case f.OneOf(values):
            return f.OneOf(tuple(normal_moment(one) or one if isinstance(one, str) else one for one in values))
        case _:
            return test


def _column(column: f.Column) -> Callable[[Mapping[str, object], str], f.Leaf]:
    def read(fields: Mapping[str, object], param: str) -> f.Leaf:
        only(fields, {column}, param)
        value, param = fields[column], f"{param}.{column}"
        match value:
            case str():
                test = {"is": value}
            case list():
                test = {"in": value}
            case _:
                test = as_object(value, param)
        return f.Fact(f.Known(column), _test(test, param, subject=column, besides=set()))

    return read


def _test(fields: Mapping[str, object], param: str, *, subject: str, besides: set[str]) -> f.Test:
    """The one test among the fields, if it is one that this subject takes."""
    operators = [name for name in fields if name not in besides]
    taken = ", ".join(name for name in _TESTS if name in TESTS_OF[subject])
    if not operators:
        raise fault(param, f"Expected one of {taken}.")
    operator = operators[0]
    at = f"{param}.{operator[:SHOWN_CHARS]}"
    if operator not in TESTS_OF[subject]:
        raise fault(at, f"`{subject}` takes one of {taken}.")
    if len(operators) > 1:
        raise fault(f"{param}.{operators[1][:SHOWN_CHARS]}", "A condition has one operator; join several by `all`.")
    is_column = subject in get_args(f.Column)
    return _TESTS[operator](fields[operator], at) if not is_column else _column_test(subject, operator, fields, at)


def _column_test(column: str, operator: str, fields: Mapping[str, object], param: str) -> f.Test:
    """A test of what stands in the device's row: texts for words, moments for times."""
    test = _TESTS[operator](fields[operator], param)
    match test:
        case f.Is(value) | f.IsNot(value) if not isinstance(value, str):
            raise fault(param, f"`{column}` is a text.")
        case f.OneOf(values) if not all(isinstance(value, str) for value in values):
            raise fault(param, f"`{column}` is a text.")
        case f.Over(bound) | f.Under(bound) | f.Between(bound, _) if not isinstance(bound, str):
            raise fault(param, f"`{column}` is a time: expected a date or a moment in RFC 3339.")
        case f.Is(value) | f.IsNot(value):
            _check_word(column, value, param)
        case f.OneOf(values):
            for at, value in enumerate(values):
                _check_word(column, value, f"{param}[{at}]")
        case _:
            pass
    return test


def _check_word(column: str, value: f.Value, param: str) -> None:
    """Refuses what no device ever has: a filter that asks for it would be right, and for nobody."""
    if column == "country" and _COUNTRY.fullmatch(str(value)) is None:
        raise fault(param, "A country is two capital letters, such as `NL`.")
    if column == "platform" and value not in _PLATFORMS:
        raise fault(param, f"A platform is one of {', '.join(_PLATFORMS)}.")


def _is(value: object, param: str) -> f.Test:
    return f.Is(plain_value(value, param))


def _is_not(value: object, param: str) -> f.Test:
    return f.IsNot(plain_value(value, param))


def _in(value: object, param: str) -> f.Test:
    return f.OneOf(tuple(plain_value(one, f"{param}[{at}]") for at, one in enumerate(as_values(value, param))))


def _starts(value: object, param: str) -> f.Test:
    text = text_of(value, param)
    if not text:
        raise fault(param, "Expected the beginning of a text; `exists` asks for any.")
    return f.Starts(text)


def _over(value: object, param: str) -> f.Test:
    return f.Over(bound_of(value, param))


def _under(value: object, param: str) -> f.Test:
    return f.Under(bound_of(value, param))


def _after(value: object, param: str) -> f.Test:
    return f.Over(moment_in(value, param))


def _before(value: object, param: str) -> f.Test:
    return f.Under(moment_in(value, param))


def _between(value: object, param: str) -> f.Test:
    pair = cast("list[object]", value) if isinstance(value, list) else []
    if len(pair) != 2:  # noqa: PLR2004 - a pair
        raise fault(param, "Expected two numbers or two dates, the lower one first.")
    low, high = bound_of(pair[0], f"{param}[0]"), bound_of(pair[1], f"{param}[1]")
    if isinstance(low, str) is not isinstance(high, str):
        raise fault(param, "Expected two numbers or two dates, not one of each.")
    if low > high:  # type: ignore[operator]  # both are texts or both are numbers
        raise fault(param, "The lower one comes first.")
    return f.Between(low, high)


def _within(value: object, param: str) -> f.Test:
    return f.Within(period_of(value, param))


def _has(value: object, param: str) -> f.Test:
    return f.Has((text_of(value, param),))


def _has_any(value: object, param: str) -> f.Test:
    return f.Has(tuple(text_of(one, f"{param}[{at}]") for at, one in enumerate(as_values(value, param))))


def _exists(value: object, param: str) -> f.Test:
    return f.Exists(as_bool(value, param))


_TESTS: Final[dict[str, Callable[[object, str], f.Test]]] = {
    "is": _is,
    "not": _is_not,
    "in": _in,
    "starts": _starts,
    "over": _over,
    "under": _under,
    "between": _between,
    "before": _before,
    "after": _after,
    "within": _within,
    "has": _has,
    "has_any": _has_any,
    "exists": _exists,
}


# --- events -----------------------------------------------------------------------------------------------------------
_EVENT_FORMS: Final = ("done", "none", "done_within", "none_within", "count", "sum")


def _event(fields: Mapping[str, object], param: str) -> f.Leaf:
    name = name_of(fields["event"], f"{param}.event")
    only(fields, {"event", "within", *_EVENT_FORMS}, param)
    forms = [form for form in _EVENT_FORMS if form in fields]
    if len(forms) != 1:
        at = param if not forms else f"{param}.{forms[1]}"
        raise fault(at, f"An event is asked for by one of {', '.join(_EVENT_FORMS)}.")
    form, at = forms[0], f"{param}.{forms[0]}"
    if form in {"done_within", "none_within"}:
        if "within" in fields:
            raise fault(f"{param}.within", f"`{form}` has its period already.")
        return f.Done(name, form == "done_within", period_of(fields[form], at))
    within = _within_of(fields, param)
    if form in {"done", "none"}:
        return f.Done(name, as_bool(fields[form], at) is (form == "done"), within)
    return _total(fields[form], at, name, measure="count" if form == "count" else "sum", within=within)


def _orders(fields: Mapping[str, object], param: str) -> f.Leaf:
    return _of_orders(fields, param, "orders", "count")


def _spent(fields: Mapping[str, object], param: str) -> f.Leaf:
    return _of_orders(fields, param, "spent", "sum")


def _of_orders(fields: Mapping[str, object], param: str, name: str, measure: Literal["count", "sum"]) -> f.Leaf:
    only(fields, {name, "within"}, param)
    within = _within_of(fields, param)
    return _total(fields[name], f"{param}.{name}", ORDER_EVENT, measure=measure, within=within)


def _total(value: object, param: str, event: str, *, measure: Literal["count", "sum"], within: str | None) -> f.Total:
    fields = as_object(value, param)
    only(fields, {"over", "under"}, param)
    if len(fields) != 1:
        raise fault(param, "Expected either `over` or `under`.")
    relation: Literal["over", "under"] = "over" if "over" in fields else "under"
    return f.Total(event, measure, relation, number_of(fields[relation], f"{param}.{relation}"), within)


def _within_of(fields: Mapping[str, object], param: str) -> str | None:
    return period_of(fields["within"], f"{param}.within") if "within" in fields else None


# --- the rest ---------------------------------------------------------------------------------------------------------
def _topic(fields: Mapping[str, object], param: str) -> f.Leaf:
    only(fields, {"topic"}, param)
    return f.Follows(slug_of(fields["topic"], f"{param}.topic"))


def _segment(fields: Mapping[str, object], param: str) -> f.Leaf:
    only(fields, {"segment"}, param)
    return f.InSegment(slug_of(fields["segment"], f"{param}.segment"))


def _list(fields: Mapping[str, object], param: str) -> f.Leaf:
    only(fields, {"list"}, param)
    return f.OnList(slug_of(fields["list"], f"{param}.list"))


_CONDITIONS: Final[dict[str, Callable[[Mapping[str, object], str], f.Leaf]]] = {
    "tag": _tag,
    "attribute": _attribute,
    **{column: _column(column) for column in get_args(f.Column)},
    "event": _event,
    "spent": _spent,
    "orders": _orders,
    "topic": _topic,
    "segment": _segment,
    "list": _list,
}
