"""Negative controls of the judge: each invariant is shown a forged run that breaks it and nothing else."""

from typing import Any

import msgspec
import pytest

from tests.chaos.evidence import GROUP, INVARIANTS, Budget, End, Evidence, Kill, Order, Push, check, violations

_COUNTS = {"audience": 2, "pending": 0, "sent": 2, "failed": 0, "gone": 0, "expired": 0, "cancelled": 0, "skipped": 0}
_GOOD = Evidence(
    promised=frozenset({1}),
    orders={1: Order(app=7, expires_at_s=1000.0, not_before_s=50.0, counts=_COUNTS)},
    pushes=[Push(7, 1, 11, 100.0, "lane"), Push(7, 1, 12, 101.0, "lane")],
    ends=[End(1, 11, "sent"), End(1, 12, "sent")],
    open_chunks={1: 0},
    owners={11: 7, 12: 7},
    left_at_s={12: 95.0},
    dropped=frozenset({13}),
    declared_gone=frozenset({13, 14}),
    budgets={"lane": Budget(rate=1.0, burst=1.0)},
)


def _but(**changes: Any) -> Evidence:
    return msgspec.structs.replace(_GOOD, **changes)


def _pushes(*more: Push) -> list[Push]:
    return [*_GOOD.pushes, *more]


_AGAIN = Push(7, 1, 11, 130.0, "lane")
_FORGED = {
    "I1 a row is lost": ("I1", _but(promised=frozenset({1, 2}))),
    "I1 nothing came of it": (
        "I1",
        _but(promised=frozenset({1, 2}), orders={**_GOOD.orders, 2: Order(app=7, expires_at_s=1000.0)}),
    ),
    "I2 a second copy, a kill long before": ("I2", _but(pushes=_pushes(_AGAIN), kills=[Kill(90.0, 4)])),
    "I2 three copies and one kill": (
        "I2",
        _but(pushes=_pushes(_AGAIN, Push(7, 1, 11, 140.0)), kills=[Kill(110.0, 4)]),
    ),
    "I3 more than was in flight": ("I3", _but(pushes=_pushes(_AGAIN), kills=[Kill(110.0, 0)])),
    "I4 too late": ("I4", _but(pushes=[*_GOOD.pushes[:1], Push(7, 1, 12, 1002.5, "lane")], left_at_s={})),
    "I4 too early": ("I4", _but(pushes=[Push(7, 1, 11, 47.0, "lane"), *_GOOD.pushes[1:]])),
    "I5 two ends": (
        "I5",
        _but(
            ends=[*_GOOD.ends[:1], End(1, 12, "sent"), End(1, 12, "sent")],
            orders={1: Order(app=7, expires_at_s=1000.0)},
        ),
    ),
    "I5 counts are not the rows": ("I5", _but(ends=[End(1, 11, "sent"), End(1, 12, "failed")])),
    "I5 the parts are not the whole": (
        "I5",
        _but(orders={1: Order(app=7, expires_at_s=1000.0, counts={**_COUNTS, "audience": 3})}),
    ),
    "I6 a chunk is open": ("I6", _but(open_chunks={1: 1})),
    "I6 somebody waits": (
        "I6",
        _but(orders={1: Order(app=7, expires_at_s=1000.0, counts={**_COUNTS, "audience": 3, "pending": 1})}),
    ),
    "I7 sent to who had left": ("I7", _but(left_at_s={12: 90.0})),
    "I8 another app's device": ("I8", _but(owners={11: 7, 12: 8})),
    "I8 another app's message": ("I8", _but(orders={1: Order(app=8, expires_at_s=1000.0, counts=_COUNTS)})),
    "I9 dropped without a word": ("I9", _but(declared_gone=frozenset({14}))),
    "I10 too fast": (
        "I10",
        _but(pushes=[_GOOD.pushes[0], Push(7, 1, 12, 100.1, "lane")]),
    ),
}


def test_a_good_run_passes():
    """The judge has nothing to say about a run in which nothing went wrong."""
    check(_GOOD)


@pytest.mark.parametrize("name", _FORGED)
def test_a_forged_run_is_found_out(name: str):
    """Each invariant goes red on a run that breaks it, and it alone."""
    number, forged = _FORGED[name]
    assert {line.partition(":")[0] for line in violations(forged)} >= {number}
    assert INVARIANTS[number](forged)
    if number != "I2":
        assert {line.partition(":")[0] for line in violations(forged)} == {number}
    with pytest.raises(AssertionError, match=number):
        check(forged)


def test_every_invariant_has_a_forged_run():
    """No invariant goes without its negative control."""
    assert {number for number, _ in _FORGED.values()} == set(INVARIANTS)


def test_a_kill_excuses_what_was_in_flight():
    """A copy after a kill is excused, and as many as the killed process had in flight; not one more."""
    killed = [Kill(110.0, 1)]
    one = [push for number in range(GROUP) for push in (_taken(number, 100.0), _taken(number, 130.0))]
    check(Evidence(pushes=one, kills=killed))
    more = [*one, _taken(GROUP, 100.0), _taken(GROUP, 130.0)]
    assert [line[:2] for line in violations(Evidence(pushes=more, kills=killed))] == ["I3"]


def test_a_push_service_that_keeps_its_answer_excuses_one_copy():
    """Nobody can know that the first one arrived."""
    lost = msgspec.structs.replace(_taken(1, 100.0), answer_lost=True)
    check(Evidence(pushes=[lost, _taken(1, 130.0)]))
    assert list(violations(Evidence(pushes=[lost, _taken(1, 130.0), _taken(1, 140.0)])))


def _taken(subscription: int, at_s: float) -> Push:
    return Push(7, 1, subscription, at_s)
