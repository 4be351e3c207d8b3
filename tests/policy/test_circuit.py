"""Is it the device, or is it our key: one wrong setting must never cost a shop its subscribers."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.circuit import CredentialHealth, Verdict, is_gone

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)


def health(*, good: int = 0, doubtful: int = 0) -> CredentialHealth:
    """A credential that got these answers, the good ones first."""
    found = CredentialHealth()
    for is_doubtful in [False] * good + [True] * doubtful:
        found.record(is_doubtful=is_doubtful)
    return found


@pytest.mark.parametrize(
    ("good", "doubtful", "verdict"),
    [
        (0, 0, Verdict.UNKNOWN),
        (0, 1, Verdict.UNKNOWN),
        (0, 19, Verdict.UNKNOWN),
        (0, 20, Verdict.CREDENTIAL),
        (0, 500, Verdict.CREDENTIAL),
        (1, 1, Verdict.DEVICE),
        (199, 1, Verdict.DEVICE),
        (160, 40, Verdict.DEVICE),
        (159, 41, Verdict.CREDENTIAL),
        (80, 20, Verdict.DEVICE),
        (79, 20, Verdict.CREDENTIAL),
        (10, 10, Verdict.UNKNOWN),
    ],
)
def test_more_than_a_fifth_of_doubtful_answers_is_the_key(good: int, doubtful: int, verdict: Verdict):
    """A lone refusal among successes is a dead device; nothing but refusals is our key, as soon as twenty say so."""
    assert health(good=good, doubtful=doubtful).verdict is verdict


def test_only_the_last_two_hundred_answers_count():
    """A bad morning is forgotten once the key works again, and a good year does not hide a bad minute."""
    recovered = health(doubtful=200)
    for _ in range(10_000):
        recovered.record(is_doubtful=False)
    broken = health(good=10_000, doubtful=41)

    assert recovered.verdict is Verdict.DEVICE
    assert broken.verdict is Verdict.CREDENTIAL


def test_a_mended_key_starts_afresh():
    """After the operator put the right key in, old refusals say nothing."""
    mended = health(doubtful=100)
    mended.reset()
    mended.record(is_doubtful=True)

    assert mended.verdict is Verdict.UNKNOWN


@given(answers=st.lists(st.booleans(), max_size=600))
def test_the_running_figures_equal_a_count_of_the_last_answers(answers: list[bool]):
    """The hot path keeps a sum; it is the sum of what lies in the window."""
    found = CredentialHealth()
    for is_doubtful in answers:
        found.record(is_doubtful=is_doubtful)

    last = answers[-200:]
    is_key = sum(last) >= 20 and sum(last) > len(last) / 5
    assert (found.verdict is Verdict.CREDENTIAL) == is_key


@pytest.mark.parametrize("verdict", list(Verdict))
@pytest.mark.parametrize("minutes", [None, 0, 59, 60, 61, 60 * 24 * 30])
def test_a_device_is_dropped_only_an_hour_apart_and_by_a_key_that_works(verdict: Verdict, minutes: int | None):
    """Twice, an hour apart, while others get through: nothing less closes an address on a doubtful answer."""
    suspect_at = None if minutes is None else NOW - timedelta(minutes=minutes)

    dropped = is_gone(suspect_at=suspect_at, now=NOW, verdict=verdict)

    assert dropped == (minutes is not None and minutes >= 60 and verdict is Verdict.DEVICE)
