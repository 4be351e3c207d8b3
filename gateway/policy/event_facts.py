"""What is remembered of a person's events by kind: how often, since when, until when, for how much, and on which days.

Order does not matter: a late event ends up in the same figures. The bounds are `EVENT_KINDS_PER_PERSON_MAX` kinds and
`EVENT_DAYS_MAX` days of each; what makes room is what was not heard of for the longest.

`latest` are the days of the last `EVENT_LATEST_MAX` times, the newest first, in one text. `days` say the same, but
would have to be added up for each person: here a filter finds "at least three times within 90 days" at one place.
"""

from collections.abc import Mapping
from itertools import islice
from typing import Any, Final

from gateway.model.limits import EVENT_DAYS_MAX, EVENT_KINDS_PER_PERSON_MAX, EVENT_LATEST_MAX, EVENT_VALUE_MAX
from gateway.policy.commerce import worth_of_items

AMOUNTS: Final = ("value", "total", "revenue")
"""Properties that say what an event is worth; the first that is there counts."""
_DAY_S: Final = 86_400
_DIGITS: Final = 6
"""Sums are kept to a millionth: what is added up a thousand times must not end in 0.30000000000000004."""

Facts = dict[str, Any]


def amount_of(properties: Mapping[str, Any], *, currency: str | None) -> float:
    """What an event is worth: the first of `value`, `total`, `revenue` that is a number, else what its `items` cost.

    Money of another currency than the app's counts 0: nobody here knows what it is worth today.
    """
    told = properties.get("currency")
    if currency is not None and isinstance(told, str) and told.upper() != currency:
        return 0
    for name in AMOUNTS:
        value = properties.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value if abs(value) <= EVENT_VALUE_MAX else 0
    return _rounded(worth_of_items(properties.get("items")))


def with_event(facts: Mapping[str, Facts], name: str, *, at_s: int, amount: float) -> dict[str, Facts]:
    """The facts after one more event."""
    day = {str(at_s // _DAY_S): [1, amount]}
    one: Facts = {"n": 1, "first": at_s, "last": at_s, "sum": amount, "days": day, "latest": latest_of(day)}
    held = facts.get(name)
    return _bounded({**facts, name: one if held is None else _sum(held, one)})


def together(some: Mapping[str, Facts], others: Mapping[str, Facts]) -> dict[str, Facts]:
    """The facts of two people who turned out to be one."""
    both = dict(some)
    for name, facts in others.items():
        held = both.get(name)
        both[name] = facts if held is None else _sum(held, facts)
    return _bounded(both)


def latest_of(days: Mapping[str, list[float]]) -> str:
    """The days of the last few times, the newest first: `20780 20780 20771` is twice on the one, once on the other."""
    times = (day for day in sorted(days, key=int, reverse=True) for _ in range(int(days[day][0])))
    return " ".join(islice(times, EVENT_LATEST_MAX))


def _sum(a: Facts, b: Facts) -> Facts:
    days = _days(a["days"], b["days"])
    return {
        "n": a["n"] + b["n"],
        "first": min(a["first"], b["first"]),
        "last": max(a["last"], b["last"]),
        "sum": _rounded(a["sum"] + b["sum"]),
        "days": days,
        "latest": latest_of(days),
    }


def _days(a: Mapping[str, list[float]], b: Mapping[str, list[float]]) -> dict[str, list[float]]:
    both = dict(a)
    for day, (n, amount) in b.items():
        held = both.get(day, [0, 0])
        both[day] = [held[0] + n, _rounded(held[1] + amount)]
    kept = sorted(both, key=int)[-EVENT_DAYS_MAX:]
    return {day: both[day] for day in kept}


def _bounded(facts: dict[str, Facts]) -> dict[str, Facts]:
    if len(facts) <= EVENT_KINDS_PER_PERSON_MAX:
        return facts
    latest = sorted(facts, key=lambda name: facts[name]["last"])[-EVENT_KINDS_PER_PERSON_MAX:]
    return {name: facts[name] for name in facts if name in set(latest)}


def _rounded(amount: float) -> float:
    rounded = round(amount, _DIGITS)
    return int(rounded) if rounded == int(rounded) else rounded
