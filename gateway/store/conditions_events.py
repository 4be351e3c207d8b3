"""What a person did, as SQL over the facts that are copied onto each of their devices.

`facts.events.<name>` has `n` (times), `sum` (worth), `first` and `last` (Unix seconds), `days`: for each of the last
days that had something, [n, sum] under its number since 1970 (UTC), in five digits; and `latest`: the days of the last
few times, the newest first (`policy.event_facts`).

Only what has to add up days is a sub-select: Postgres reads a table with one in the condition on one core alone.
"""

import math
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal, LiteralString

from gateway.model import filter as f
from gateway.model.filter_spans import DAY_S, day_number, day_text, since
from gateway.model.limits import EVENT_LATEST_MAX
from gateway.store.arguments import Arguments, numeral

_TIMES_SINCE: Final[LiteralString] = "'$.keyvalue() ? (@.key >= $first).value[0]'::jsonpath"
"""How often on each day from the first one on."""
_NONE: Final = [0] * EVENT_LATEST_MAX
_SUM: Final[LiteralString] = " + ".join("$[" + numeral(place) + "]" for place in range(EVENT_LATEST_MAX))
_MAKES: Final[LiteralString] = "'" + _SUM + " >= $times'::jsonpath"
"""Whether the first few of those days make so many: each makes one at least, so that more of them need no look."""


def done_sql(done: f.Done, args: Arguments, *, now: datetime) -> LiteralString:
    """TRUE where the person did it (or did not)."""
    if done.within is None:
        met = "(facts -> 'events') ? " + args.value(done.event) + "::text"
    else:
        start_s = int(since(done.within, now=now).timestamp())
        met = _is_since("last", args.value(done.event), start_s, args)
    return met if done.is_done else "(" + met + ") IS NOT TRUE"


def total_sql(total: f.Total, args: Arguments, *, now: datetime) -> LiteralString:
    """TRUE where the times, or what they were worth, are over or under a bound."""
    if total.within is None:
        return _in_all(total, args.value(total.event), args)
    first = day_number(since(total.within, now=now))
    times = _times_that_decide(total)
    if times is None:
        return _added_up(total, first, args)
    met = _at_least(total.event, times, first, args)
    return met if total.relation == "over" else "(" + met + ") IS NOT TRUE"


def _times_that_decide(total: f.Total) -> int | None:
    """Over 2 is at least 3, under 3 is not at least 3. None where it takes more than the last few times to know."""
    if total.measure != "count":
        return None
    times = math.floor(total.bound) + 1 if total.relation == "over" else math.ceil(total.bound)
    return times if 1 <= times <= EVENT_LATEST_MAX else None


def _at_least(event: str, times: int, first: int, args: Arguments) -> LiteralString:
    """TRUE where it was done so often since a day: where the last but so many was no earlier.

    Facts that a former version wrote have no `latest`; of them the days are added up.
    """
    latest = "facts #>> " + args.value(["events", event, "latest"]) + "::text[]"
    place = "split_part(" + latest + ", ' ', " + args.value(times) + '::int) COLLATE "C"'
    days = "facts #> " + args.value(["events", event, "days"]) + "::text[]"
    asked = args.value({"first": day_text(first), "times": times}) + "::jsonb"
    each = "jsonb_path_query_array(" + days + ", " + _TIMES_SINCE + ", " + asked + ")"
    otherwise = "jsonb_path_match(" + each + " || " + args.value(_NONE) + "::jsonb, " + _MAKES + ", " + asked + ")"
    return "coalesce(" + place + " >= " + args.value(day_text(first)) + "::text, " + otherwise + ")"


def _in_all(total: f.Total, name: LiteralString, args: Arguments) -> LiteralString:
    field: LiteralString = "'n'" if total.measure == "count" else "'sum'"
    value = "coalesce(facts -> 'events' -> " + name + "::text -> " + field + ", '0'::jsonb)"
    return value + _relation(total) + args.value(total.bound) + "::jsonb"


def _added_up(total: f.Total, first: int, args: Arguments) -> LiteralString:
    """The days from that one on, added up; but most people are told by a look at their first or their last time."""
    name, start_s = args.value(total.event), first * DAY_S
    added = _sum_of_days(total, name, first, args) + _relation(total)
    added += args.value(Decimal(str(total.bound))) + "::numeric"
    is_whole = _is_since("first", name, start_s, args)
    met = "CASE WHEN " + is_whole + " THEN " + _in_all(total, name, args) + " ELSE " + added + " END"
    if total.relation == "over" and total.bound >= 0:
        return "(" + _is_since("last", name, start_s, args) + " AND " + met + ")"
    return met


def _sum_of_days(total: f.Total, name: LiteralString, first: int, args: Arguments) -> LiteralString:
    place: LiteralString = "0" if total.measure == "count" else "1"
    days = "(SELECT facts -> 'events' -> " + name + "::text -> 'days' AS days OFFSET 0) AS event"
    # Keys as they come, and values looked up by them: cheaper than jsonb_each, which puts all of them by first.
    each = "(SELECT days, jsonb_object_keys(days) AS number FROM " + days + " OFFSET 0) AS day"
    figures = "sum((days -> number -> " + place + ")::numeric)"
    since_first = ' WHERE number COLLATE "C" >= ' + args.value(day_text(first)) + "::text"
    return "coalesce((SELECT " + figures + " FROM " + each + since_first + "), 0)"


def _relation(total: f.Total) -> LiteralString:
    return " > " if total.relation == "over" else " < "


def _is_since(which: Literal["first", "last"], name: LiteralString, start_s: int, args: Arguments) -> LiteralString:
    field: LiteralString = "'first'" if which == "first" else "'last'"
    return "facts -> 'events' -> " + name + "::text -> " + field + " >= " + args.value(start_s) + "::jsonb"
