"""A filter as JSON: `filter_reading` reads the same tree from it."""

from typing import Any, assert_never

from gateway.model.filter import (
    All,
    AnyOf,
    Attribute,
    Between,
    Done,
    Exists,
    Fact,
    Follows,
    Has,
    InSegment,
    Is,
    IsNot,
    Known,
    Leaf,
    NoneOf,
    OneOf,
    OnList,
    Over,
    Starts,
    Subject,
    Tag,
    Test,
    Total,
    Under,
    Where,
    Within,
)


def written(where: Where) -> dict[str, Any]:
    """The JSON of a filter, in its plainest form."""
    match where:
        case All(terms):
            return {"all": [written(term) for term in terms]}
        case AnyOf(terms):
            return {"any": [written(term) for term in terms]}
        case NoneOf(terms):
            return {"none": [written(term) for term in terms]}
        case _:
            return _leaf(where)


def _leaf(leaf: Leaf) -> dict[str, Any]:
    match leaf:
        case Fact(subject, test):
            return _fact(subject, _test(test))
        case Done(event, is_done, within):
            word = "done" if is_done else "none"
            return {"event": event, word: True} if within is None else {"event": event, f"{word}_within": within}
        case Total(event, measure, relation, bound, within):
            total = {"event": event, measure: {relation: bound}}
            return total if within is None else {**total, "within": within}
        case Follows(slug):
            return {"topic": slug}
        case InSegment(slug):
            return {"segment": slug}
        case OnList(slug):
            return {"list": slug}
        case _:
            assert_never(leaf)


def _fact(subject: Subject, test: dict[str, Any]) -> dict[str, Any]:
    match subject:
        case Tag(name):
            return {"tag": name, **test}
        case Attribute(name):
            return {"attribute": name, **test}
        case Known(column):
            return {column: test}
        case _:
            assert_never(subject)


def _test(test: Test) -> dict[str, Any]:
    match test:
        case Over(bound):
            return {"after" if isinstance(bound, str) else "over": bound}
        case Under(bound):
            return {"before" if isinstance(bound, str) else "under": bound}
        case Between(low, high):
            return {"between": [low, high]}
        case Within(period):
            return {"within": period}
        case Has(values):
            return {"has": values[0]} if len(values) == 1 else {"has_any": list(values)}
        case _:
            return _of_value(test)


def _of_value(test: Is | IsNot | OneOf | Starts | Exists) -> dict[str, Any]:
    match test:
        case Is(value):
            return {"is": value}
        case IsNot(value):
            return {"not": value}
        case OneOf(values):
            return {"in": list(values)}
        case Starts(prefix):
            return {"starts": prefix}
        case Exists(is_there):
            return {"exists": is_there}
        case _:
            assert_never(test)
