"""From an answer to a fate: each outcome, in each of the circumstances that change what it means."""

import random
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.delivery import Accepted, Code, Gone, Misconfigured, Outcome, Rejected, Retry, Suspect, state_of
from gateway.policy.circuit import Verdict
from gateway.policy.ending import Again, Circumstances, End, Fate, fate_of

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
AN_HOUR_AGO = NOW - timedelta(hours=1)


def around(
    *,
    attempt: int = 0,
    strikes: int = 0,
    left_s: float = 86_400,
    verdict: Verdict = Verdict.DEVICE,
    lane_works: bool = True,
) -> Circumstances:
    return Circumstances(attempt, strikes, NOW + timedelta(seconds=left_s), verdict, lane_works)


def fate(outcome: Outcome, circumstances: Circumstances, *, suspect_at: datetime | None = None) -> Fate:
    return fate_of(outcome, circumstances, suspect_at=suspect_at, now=NOW, dice=random.Random(3))


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (Accepted("id"), Code.SENT),
        (Gone("unsubscribed"), Code.GONE),
        (Rejected("too_large"), Code.FAILED_TOO_LARGE),
        (Rejected("key_material"), Code.FAILED_KEY_MATERIAL),
        (Rejected("endpoint_refused"), Code.FAILED_ENDPOINT_REFUSED),
        (Rejected("credential_missing"), Code.FAILED_CREDENTIAL),
        (Rejected("internal"), Code.FAILED_INTERNAL),
        (Rejected("request_refused", alarm=True), Code.FAILED_REJECTED),
        (Rejected("a reason of tomorrow"), Code.FAILED_REJECTED),
    ],
)
@pytest.mark.parametrize("circumstances", [around(), around(strikes=7), around(left_s=-5), around(lane_works=False)])
def test_certain_answers_end_it_whatever_the_circumstances(outcome: Outcome, code: Code, circumstances: Circumstances):
    """A success is a success even a second after the expiry, and a dead device is dead on a lame lane too."""
    assert fate(outcome, circumstances) == End(code)


def test_a_passing_fault_is_tried_again_and_counted():
    """A 500 on a lane that works brings the recipient nearer to being given up."""
    found = fate(Retry("server_error"), around())

    assert isinstance(found, Again)
    assert (found.reason, found.is_counted, found.is_suspect) == ("server_error", True, False)
    assert 0.5 <= found.wait_s <= 1


@pytest.mark.parametrize(
    ("outcome", "circumstances"),
    [
        (Retry("server_error"), around(lane_works=False, strikes=7)),
        (Retry("unavailable", 5, "lane"), around(strikes=7)),
        (Misconfigured("vapid_refused"), around(strikes=7)),
        (Suspect("vapid_refused"), around(verdict=Verdict.CREDENTIAL, strikes=7)),
    ],
)
def test_an_outage_or_a_wrong_key_gives_nobody_up(outcome: Outcome, circumstances: Circumstances):
    """An hour of downtime of a push service, or of our own key, is nobody's eighth strike."""
    found = fate(outcome, circumstances)

    assert isinstance(found, Again)
    assert not found.is_counted
    assert not found.is_suspect


def test_the_eighth_counted_attempt_is_the_last():
    """What fails again and again on a lane that works is given up, so that it does not go round for ever."""
    assert isinstance(fate(Retry("server_error"), around(strikes=6)), Again)
    assert fate(Retry("server_error"), around(strikes=7)) == End(Code.FAILED_ATTEMPTS)


@pytest.mark.parametrize("left_s", [-10.0, 0.0, 59.9, 60.0])
def test_a_try_that_could_only_come_too_late_is_an_expiry_now(left_s: float):
    """Nobody waits for a recipient whose message would be stale by then."""
    assert fate(Retry("throttled", 60.0), around(left_s=left_s)) == End(Code.EXPIRED)
    assert isinstance(fate(Retry("throttled", 60.0), around(left_s=120)), Again)


def test_a_wait_that_was_asked_for_is_kept():
    """Retry-After of a service decides how long the recipient waits."""
    found = fate(Retry("throttled", 120.0, "lane"), around())

    assert isinstance(found, Again)
    assert 120 <= found.wait_s <= 133


def test_a_first_doubtful_answer_fails_this_push_and_remembers_the_device():
    """The device stays: a single refusal may be the service's mistake."""
    assert fate(Suspect("vapid_refused"), around()) == End(Code.FAILED_CREDENTIAL, is_suspect=True)
    assert fate(Suspect("vapid_refused"), around(), suspect_at=NOW) == End(Code.FAILED_CREDENTIAL, is_suspect=True)


def test_a_second_doubtful_answer_an_hour_later_closes_the_device():
    """Twice, an hour apart, while the key works for others: the device is gone."""
    assert fate(Suspect("vapid_refused"), around(), suspect_at=AN_HOUR_AGO) == End(Code.GONE)


@pytest.mark.parametrize("verdict", [Verdict.CREDENTIAL, Verdict.UNKNOWN])
@pytest.mark.parametrize("strikes", [0, 7])
def test_no_device_is_closed_while_the_key_is_in_doubt(verdict: Verdict, strikes: int):
    """An exchanged key must not wipe out an app's subscribers, however often they fail."""
    found = fate(Suspect("vapid_refused"), around(verdict=verdict, strikes=strikes), suspect_at=AN_HOUR_AGO)

    assert not (isinstance(found, End) and found.code is Code.GONE)


def test_while_nobody_can_tell_the_device_is_suspect_and_tried_again():
    """Too few answers to judge the key: wait, count, remember."""
    found = fate(Suspect("vapid_refused"), around(verdict=Verdict.UNKNOWN))

    assert isinstance(found, Again)
    assert (found.is_counted, found.is_suspect) == (True, True)
    assert fate(Suspect("vapid_refused"), around(verdict=Verdict.UNKNOWN, strikes=7)) == End(
        Code.FAILED_ATTEMPTS, is_suspect=True
    )


DRAWN: dict[type, st.SearchStrategy[Outcome]] = {
    Accepted: st.builds(Accepted, st.none()),
    Retry: st.builds(
        Retry,
        st.sampled_from(("timeout", "throttled")),
        st.none() | st.floats(0, 1e6),
        st.sampled_from(("push", "lane")),
        st.booleans(),
    ),
    Gone: st.builds(Gone, st.just("unsubscribed")),
    Rejected: st.builds(Rejected, st.text(max_size=5), st.booleans()),
    Suspect: st.builds(Suspect, st.just("vapid_refused")),
    Misconfigured: st.builds(Misconfigured, st.just("tls")),
}


def test_every_outcome_there_is_is_drawn():
    """A new kind of answer has to be added to the list above."""
    assert set(DRAWN) == set(get_args(Outcome))


@given(
    outcome=st.one_of(*DRAWN.values()),
    attempt=st.integers(0, 32_000),
    strikes=st.integers(0, 10),
    left_s=st.floats(-1e6, 1e6),
    verdict=st.sampled_from(Verdict),
    lane_works=st.booleans(),
    suspect_s=st.none() | st.floats(0, 1e6),
)
def test_every_answer_has_a_fate_that_keeps_the_promises(
    *,
    outcome: Outcome,
    attempt: int,
    strikes: int,
    left_s: float,
    verdict: Verdict,
    lane_works: bool,
    suspect_s: float | None,
):
    """Nobody is put off beyond the expiry, and nobody is dropped but for a reason that is about the device."""
    suspect_at = None if suspect_s is None else NOW - timedelta(seconds=suspect_s)
    circumstances = around(attempt=attempt, strikes=strikes, left_s=left_s, verdict=verdict, lane_works=lane_works)

    found = fate(outcome, circumstances, suspect_at=suspect_at)

    match found:
        case Again(_, wait_s, is_counted, _):
            assert 0 < wait_s < left_s
            assert not (is_counted and strikes >= 7)
        case End(Code.GONE):
            assert isinstance(outcome, Gone) or (verdict is Verdict.DEVICE and suspect_s is not None)
        case End(code):
            assert state_of(code) in {"sent", "failed", "expired"}
            assert (code is Code.SENT) == isinstance(outcome, Accepted)


def test_who_waits_for_the_lane_is_told_from_who_was_asked_to_wait():
    """A lane that runs again wakes the first: what is the lane's trouble, or turns out to be; nobody else."""

    def waits_for(outcome: Outcome, *, lane_works: bool = True, verdict: Verdict = Verdict.UNKNOWN) -> int | None:
        around = Circumstances(0, 0, NOW + timedelta(days=1), verdict, lane_works=lane_works, lane=7)
        fate = fate_of(outcome, around, suspect_at=None, now=NOW, dice=random.Random(3))
        assert isinstance(fate, Again)
        return fate.lane

    assert waits_for(Retry("throttled", 30.0, "lane")) == 7
    assert waits_for(Misconfigured("tls")) == 7
    assert waits_for(Suspect("vapid_refused")) == 7
    assert waits_for(Suspect("vapid_refused"), verdict=Verdict.CREDENTIAL) == 7
    assert waits_for(Retry("server_error"), lane_works=False) == 7
    assert waits_for(Retry("server_error")) is None
    assert waits_for(Retry("throttled", 30.0), lane_works=False) is None
    assert waits_for(Retry("throttled", 30.0, "device"), lane_works=False) is None
