"""How long until the next try: never sooner than was asked, never later than a bound, never all at once."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.limits import (
    ATTEMPTS_MAX,
    RETRY_AFTER_S_MAX,
    RETRY_BASE_S,
    RETRY_BASE_THROTTLED_S,
    RETRY_CAP_S,
)
from gateway.policy.retry import is_given_up, shared_wait_s, wait_s

SEEDS = st.integers(0, 2**32)
ATTEMPTS = st.integers(0, 40_000)
THROTTLED = ("throttled", "vapid_refused", "registration_refused")


@given(seed=SEEDS, attempt=ATTEMPTS, reason=st.sampled_from(("server_error", "timeout", *THROTTLED)))
def test_waits_double_up_to_a_quarter_of_an_hour(seed: int, attempt: int, reason: str):
    """A service in trouble is asked less and less often, and never less than every quarter of an hour."""
    base_s = RETRY_BASE_THROTTLED_S if reason in THROTTLED else RETRY_BASE_S
    ceiling_s = min(RETRY_CAP_S, base_s * 2 ** min(attempt, 30))

    waited_s = wait_s(reason=reason, attempt=attempt, asked_s=None, dice=random.Random(seed))

    assert ceiling_s / 2 <= waited_s <= ceiling_s <= 900


@given(seed=SEEDS, attempt=ATTEMPTS, asked_s=st.floats(0, RETRY_AFTER_S_MAX), reason=st.sampled_from(THROTTLED))
def test_what_a_service_asked_for_is_never_undercut(seed: int, attempt: int, asked_s: float, reason: str):
    """Retry-After is a promise that we keep, and overshoot by a tenth at most."""
    waited_s = wait_s(reason=reason, attempt=attempt, asked_s=asked_s, dice=random.Random(seed))

    assert asked_s <= waited_s <= asked_s + 1 + asked_s / 10
    assert shared_wait_s(waited_s) >= asked_s


def test_a_service_that_asks_for_days_is_asked_again_after_an_hour():
    """A wrong header must not silence a shop for a week."""
    waited_s = wait_s(reason="throttled", attempt=0, asked_s=604_800.0, dice=random.Random(1))

    assert RETRY_AFTER_S_MAX <= waited_s <= RETRY_AFTER_S_MAX + RETRY_BASE_THROTTLED_S


def test_what_failed_together_does_not_come_back_together():
    """A thousand devices that met the same outage are spread over the wait."""
    dice = random.Random(7)

    waits = sorted(wait_s(reason="server_error", attempt=6, asked_s=None, dice=dice) for _ in range(1000))

    fifths = [sum(32 + 6.4 * k <= wait < 32 + 6.4 * (k + 1) for wait in waits) for k in range(5)]
    assert min(fifths) > 150


@given(seconds=st.floats(0, RETRY_AFTER_S_MAX))
def test_a_shared_step_is_never_shorter_than_the_wait(seconds: float):
    """Recipients share a step, so that few rows hold many people; nobody's turn comes early by that."""
    step_s = shared_wait_s(seconds)

    assert seconds <= step_s <= max(1, 3 * seconds)


@pytest.mark.parametrize(("strikes", "is_last"), [(0, False), (ATTEMPTS_MAX - 1, False), (ATTEMPTS_MAX, True)])
def test_a_recipient_is_given_up_after_eight_counted_attempts(strikes: int, *, is_last: bool):
    """Seven failures are bad luck, eight are a fact."""
    assert ATTEMPTS_MAX == 8
    assert is_given_up(strikes=strikes) is is_last
