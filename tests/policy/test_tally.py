"""The short look before caps are counted."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.tally import Tally

PEOPLE = st.integers(1, 4)
MESSAGES = st.integers(1, 6)
CAME = st.lists(st.tuples(MESSAGES, st.lists(PEOPLE, min_size=1, max_size=4, unique=True), st.integers(0, 100)))


def _most(tally: Tally) -> int:
    return len(set(tally.shared)) + tally.most_alone


def _arrivals_alone(came: list[tuple[int, list[int], int]], after_s: int) -> set[tuple[int, int]]:
    return {(message, ids[0]) for message, ids, at_s in came if len(ids) == 1 and at_s > after_s}


@given(came=CAME)
def test_it_never_says_too_few(came: list[tuple[int, list[int], int]]):
    """Whatever came in whatever order: nobody has more different messages than it says anybody can have."""
    tally, got = Tally(), dict[int, set[int]]()
    for message, ids, at_s in came:
        tally.add(message, at_s, alone=ids[0] if len(ids) == 1 else None)
        for one in ids:
            got.setdefault(one, set()).add(message)
    assert _most(tally) >= max(map(len, got.values()), default=0)


@given(came=CAME, moment_s=st.integers(0, 100))
def test_only_the_old_is_forgotten(came: list[tuple[int, list[int], int]], moment_s: int):
    """What came after the moment counts as before; the time of a message is that of its last arrival."""
    tally, got = Tally(), dict[int, set[int]]()
    for message, ids, at_s in came:
        tally.add(message, at_s, alone=ids[0] if len(ids) == 1 else None)
        for one in ids if at_s > moment_s else ():
            got.setdefault(one, set()).add(message)
    tally.forget_before(moment_s)
    assert _most(tally) >= max(map(len, got.values()), default=0)
    assert len(tally) == len(tally.shared) + len(_arrivals_alone(came, moment_s))
    tally.forget_before(100)
    assert (_most(tally), len(tally)) == (0, 0)


def test_a_message_counts_once():
    """On its way in many groups of a stretch, to one alone twice: it is still one message."""
    tally = Tally()
    for at_s in (1.0, 3.0, 2.0):
        tally.add(7, at_s)
        tally.add(8, at_s, alone=1)
    assert (_most(tally), len(tally)) == (2, 2)
    tally.forget_before(2.5)
    assert _most(tally) == 2
