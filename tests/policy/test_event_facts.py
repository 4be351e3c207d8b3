"""Facts of events: the same whatever the order, within their bounds."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.model.limits import EVENT_DAYS_MAX, EVENT_KINDS_PER_PERSON_MAX, EVENT_LATEST_MAX
from gateway.policy.event_facts import amount_of, together, with_event

_DAY_S = 86_400
_event = st.tuples(st.sampled_from("abc"), st.integers(1_700_000_000, 1_707_000_000), st.integers(0, 10_000))


def _facts(events: list[tuple[str, int, int]]) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for name, at_s, cents in events:
        facts = with_event(facts, name, at_s=at_s, amount=cents / 100)
    return facts


@given(st.lists(_event, max_size=30), st.randoms())
def test_order_does_not_matter(events: list[tuple[str, int, int]], dice: Any):
    """Late events end up in the same figures."""
    mixed = list(events)
    dice.shuffle(mixed)
    assert _facts(events) == _facts(mixed)


@given(st.lists(_event, max_size=20), st.lists(_event, max_size=20))
def test_two_people_together_are_one_who_did_both(mine: list[tuple[str, int, int]], theirs: list[tuple[str, int, int]]):
    """It is as if one person had done all of it."""
    assert together(_facts(mine), _facts(theirs)) == _facts(mine + theirs)


@given(st.lists(_event, min_size=1, max_size=30))
def test_days_add_up_to_the_totals(events: list[tuple[str, int, int]]):
    """Within the days that are kept one by one."""
    for name, facts in _facts(events).items():
        own = [one for one in events if one[0] == name]
        assert facts["n"] == len(own) == sum(n for n, _ in facts["days"].values())
        assert (facts["first"], facts["last"]) == (min(one[1] for one in own), max(one[1] for one in own))
        assert round(facts["sum"] * 100) == sum(one[2] for one in own)


@given(st.lists(_event, min_size=1, max_size=30))
def test_the_last_few_times_stand_in_order(events: list[tuple[str, int, int]]):
    """A day for each time, the newest first: the third of them tells whether it was three times since a day."""
    for name, facts in _facts(events).items():
        days = sorted((str(at_s // _DAY_S) for kind, at_s, _ in events if kind == name), reverse=True)
        assert facts["latest"].split(" ") == days[:EVENT_LATEST_MAX]


def test_facts_are_bounded():
    """The kinds and the days that were heard of last are kept; totals count all days."""
    facts = _facts([("daily", 1_700_000_000 + day * _DAY_S, 100) for day in range(EVENT_DAYS_MAX + 10)])
    assert len(facts["daily"]["days"]) == EVENT_DAYS_MAX
    assert facts["daily"]["n"] == EVENT_DAYS_MAX + 10
    assert str((1_700_000_000 + 9 * _DAY_S) // _DAY_S) not in facts["daily"]["days"]
    kinds = _facts([(f"kind {number}", 1_700_000_000 + number, 0) for number in range(EVENT_KINDS_PER_PERSON_MAX + 5)])
    assert len(kinds) == EVENT_KINDS_PER_PERSON_MAX
    assert "kind 4" not in kinds
    assert "kind 5" in kinds


def test_what_an_event_is_worth():
    """The first of value, total and revenue that is a number, in the app's currency."""
    assert amount_of({"total": 5, "value": 3, "revenue": 9}, currency=None) == 3
    assert amount_of({"value": "3", "total": 5}, currency="EUR") == 5
    assert amount_of({"value": True, "total": 5.5}, currency="EUR") == 5.5
    assert amount_of({"total": 5, "currency": "usd"}, currency="EUR") == 0
    assert amount_of({"total": 5, "currency": "usd"}, currency=None) == 5
    assert amount_of({}, currency="EUR") == 0
