"""What a person did, as SQL over the facts that are copied onto each of their devices.

`facts.events.<name>` has `n` (times), `sum` (worth), `first` and `last` (Unix seconds) and `days`: for each of the last
days that had something, [n, sum] under its number since 1970 (UTC), in five digits.
"""

from datetime import datetime
from decimal import Decimal
from typing import LiteralString

from gateway.model import filter as f
from gateway.model.filter_spans import DAY_S, day_number, since
from gateway.store.arguments import Arguments


def done_sql(done: f.Done, args: Arguments, *, now: datetime) -> LiteralString:
    """TRUE where the person did it (or did not)."""
    if done.within is None:
        met = "(facts -> 'events') ? " + args.value(done.event) + "::text"
    else:
        start_s = int(since(done.within, now=now).timestamp())
        met = _is_since(args.value(done.event), start_s, args)
    return met if done.is_done else "(" + met + ") IS NOT TRUE"


def total_sql(total: f.Total, args: Arguments, *, now: datetime) -> LiteralString:
    """TRUE where the times, or what they were worth, are over or under a bound."""
    name = args.value(total.event)
    if total.within is None:
        field: LiteralString = "'n'" if total.measure == "count" else "'sum'"
        value = "coalesce(facts -> 'events' -> " + name + "::text -> " + field + ", '0'::jsonb)"
        return value + _relation(total) + args.value(total.bound) + "::jsonb"
    added = (
        _added_up(total, name, args, now=now) + _relation(total) + args.value(Decimal(str(total.bound))) + "::numeric"
    )
    if total.relation == "over" and total.bound >= 0:
        # Most people are told by a look at their last time, which is cheaper than adding up.
        start_s = day_number(since(total.within, now=now)) * DAY_S
        return "(" + _is_since(name, start_s, args) + " AND " + added + ")"
    return added


def _relation(total: f.Total) -> LiteralString:
    return " > " if total.relation == "over" else " < "


def _is_since(name: LiteralString, start_s: int, args: Arguments) -> LiteralString:
    return "facts -> 'events' -> " + name + "::text -> 'last' >= " + args.value(start_s) + "::jsonb"


def _added_up(total: f.Total, name: LiteralString, args: Arguments, *, now: datetime) -> LiteralString:
    assert total.within is not None
    place: LiteralString = "0" if total.measure == "count" else "1"
    first = args.value(str(day_number(since(total.within, now=now))))
    days = "jsonb_each(facts -> 'events' -> " + name + "::text -> 'days') AS day (number, figures)"
    figures = "sum((figures -> " + place + ")::numeric)"
    return "coalesce((SELECT " + figures + " FROM " + days + ' WHERE number COLLATE "C" >= ' + first + "::text), 0)"
