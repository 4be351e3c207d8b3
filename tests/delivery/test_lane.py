"""Lanes: what stands still, for how long, who is tried first, and what processes tell each other."""

from collections.abc import Callable

import pytest

from gateway.delivery.lane import Lane
from gateway.model.delivery import Accepted, Gone, Misconfigured, Outcome, Rejected, Retry, Suspect
from gateway.policy.circuit import Verdict

KEY = (1, 2, "https://push.example")


class Clock:
    """Time that goes by when a test says so."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s

    def goes_on(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lane(clock: Clock) -> Lane:
    return Lane(KEY, on_change=lambda _: None, clock=clock)


def after(lane: Lane, *outcomes: Outcome) -> tuple[str, float]:
    """What the lane says after these answers."""
    for outcome in outcomes:
        lane.note(outcome)
    return lane.state, lane.held_s()


def test_a_lane_runs_until_something_is_said_against_it(lane: Lane):
    """Successes, dead devices and refused pushes are signs of life."""
    assert after(lane, Accepted(), Gone("x"), Rejected("too_large"), Retry("timeout")) == ("running", 0.0)
    assert lane.works


@pytest.mark.parametrize(
    ("outcome", "state", "held_s"),
    [
        (Retry("throttled", 120.0, "lane"), "parked", 120.0),
        (Retry("throttled", None, "lane"), "parked", 60.0),
        (Retry("unavailable", 30.0, "lane"), "parked", 30.0),
        (Retry("unreachable", None, "lane"), "parked", 1.0),
        (Retry("throttled", 0.0, "lane"), "parked", 1.0),
        (Misconfigured("vapid_refused"), "stopped", 60.0),
    ],
)
def test_what_concerns_everybody_stops_the_lane(lane: Lane, outcome: Outcome, state: str, held_s: float):
    """For as long as the service said, else for a first guess."""
    assert after(lane, outcome) == (state, held_s)
    assert lane.reason


def test_one_devices_trouble_is_not_the_lanes(lane: Lane):
    """A throttled device or a timeout stops nobody else."""
    assert after(lane, Retry("throttled", 60.0, "push"), Suspect("vapid_refused")) == ("running", 0.0)


def test_fifty_failures_in_a_row_park_the_lane(lane: Lane):
    """A service that answers 500 to everybody is left alone; one success in between, and it is not."""
    failures = [Retry("server_error")] * 49
    assert after(lane, *failures, Accepted(), *failures) == ("running", 0.0)
    assert after(lane, Retry("server_error"))[0] == "parked"


def test_when_the_time_is_up_one_push_goes_first(lane: Lane, clock: Clock):
    """A service that comes back is not met by everybody at once."""
    lane.note(Retry("unavailable", 30.0, "lane"))
    clock.goes_on(29.9)
    assert 0 < lane.held_s() <= 0.11
    clock.goes_on(0.2)

    assert lane.held_s() == 0.0
    assert [lane.held_s() for _ in range(3)] == [1.0] * 3
    lane.note(Accepted())
    assert (lane.state, lane.reason, lane.held_s()) == ("running", "", 0.0)


def test_a_fruitless_probe_doubles_the_wait_up_to_a_quarter_of_an_hour(lane: Lane, clock: Clock):
    """60, 120, 240, 480, 900, 900 seconds; after a success it begins afresh."""
    waits: list[float] = []
    for _ in range(6):
        lane.note(Misconfigured("vapid_refused"))
        waits.append(lane.held_s())
        clock.goes_on(waits[-1])
        assert lane.held_s() == 0.0
    assert waits == [60, 120, 240, 480, 900, 900]

    lane.note(Accepted())
    assert after(lane, Misconfigured("vapid_refused")) == ("stopped", 60.0)


def test_answers_to_pushes_that_were_under_way_say_nothing_new(lane: Lane):
    """Two hundred requests were out when the service went away: that is one standstill, not two hundred."""
    lane.note(Retry("unreachable", None, "lane"))
    assert after(lane, *[Retry("unreachable", None, "lane")] * 200) == ("parked", 1.0)
    assert after(lane, Accepted()) == ("parked", 1.0)


def test_a_longer_wait_that_the_service_asks_for_holds(lane: Lane):
    """Of several Retry-After the longest."""
    assert after(lane, Retry("throttled", 30.0, "lane"), Retry("throttled", 300.0, "lane")) == ("parked", 300.0)
    assert after(lane, Retry("throttled", 5.0, "lane")) == ("parked", 300.0)


@pytest.mark.parametrize(
    "ends", [lambda lane: lane.give_up_probe(), lambda lane: lane.note(Rejected("x", is_unsent=True))]
)
def test_a_probe_that_was_never_sent_lets_another_go_first(lane: Lane, clock: Clock, ends: Callable[[Lane], None]):
    """The device that was to be first had damaged keys: that says nothing about the service."""
    lane.note(Retry("unavailable", 30.0, "lane"))
    clock.goes_on(30)
    assert lane.held_s() == 0.0

    ends(lane)

    assert (lane.state, lane.held_s(), lane.held_s()) == ("parked", 0.0, 1.0)


def test_a_key_that_is_refused_by_all_stops_the_lane(lane: Lane):
    """Twenty doubtful answers and not one good: nobody is dropped, the operator is told."""
    assert after(lane, *[Suspect("vapid_refused")] * 19) == ("running", 0.0)
    assert lane.verdict is Verdict.UNKNOWN
    assert after(lane, Suspect("vapid_refused")) == ("stopped", 60.0)
    assert lane.verdict is Verdict.CREDENTIAL


def test_a_mended_key_is_judged_afresh(lane: Lane, clock: Clock):
    """After the first success the old refusals are forgotten: a dead device may be dropped again."""
    for _ in range(20):
        lane.note(Suspect("vapid_refused"))
    clock.goes_on(60)
    assert lane.held_s() == 0.0

    lane.note(Accepted())
    lane.note(Accepted())
    lane.note(Suspect("vapid_refused"))

    assert (lane.state, lane.verdict) == ("running", Verdict.DEVICE)


def test_a_failure_counts_against_a_recipient_only_when_others_got_through(lane: Lane, clock: Clock):
    """An outage costs a recipient one attempt at most, however long it lasts; a quiet week before it costs none."""

    def counts(outcome: Outcome) -> bool:
        lane.note(outcome)
        return lane.works

    assert not counts(Retry("server_error"))
    lane.note(Accepted())
    clock.goes_on(7 * 86_400)
    assert counts(Retry("server_error"))
    for _ in range(60):
        assert not counts(Retry("server_error"))
    clock.goes_on(1_000)
    assert lane.held_s() == 0.0
    assert not counts(Retry("server_error"))
    lane.note(Accepted())
    assert counts(Retry("timeout"))


def test_one_dead_device_among_those_who_go_first_does_not_stop_a_parked_lane(lane: Lane, clock: Clock):
    """A doubtful answer to a probe is no alarm: the next push goes first, and a good answer ends the standstill."""
    lane.note(Retry("unavailable", 30.0, "lane"))
    clock.goes_on(30)
    assert lane.held_s() == 0.0

    lane.note(Suspect("vapid_refused"))

    assert (lane.state, lane.held_s(), lane.held_s()) == ("parked", 0.0, 1.0)
    lane.note(Accepted())
    assert lane.state == "running"


def test_a_parked_lane_whose_key_is_refused_by_all_is_stopped(lane: Lane, clock: Clock):
    """Twenty doubtful answers in a row say the same of a parked lane as of a running one, and ask for an alarm."""
    lane.note(Retry("unavailable", 30.0, "lane"))
    clock.goes_on(30)
    for _ in range(20):
        assert lane.held_s() == 0.0
        lane.note(Suspect("vapid_refused"))
    assert lane.state == "stopped"


def test_a_stopped_lane_stays_stopped_while_those_who_go_first_are_doubted(lane: Lane, clock: Clock):
    """There the doubt is what it was stopped for."""
    lane.note(Misconfigured("vapid_refused"))
    clock.goes_on(60)
    assert lane.held_s() == 0.0
    lane.note(Suspect("vapid_refused"))
    assert (lane.state, lane.held_s()) == ("stopped", 120.0)


def test_a_late_request_to_slow_down_does_not_make_a_refused_key_good(lane: Lane):
    """It prolongs the standstill; what the operator has to mend stays named."""
    lane.note(Misconfigured("vapid_refused"))
    lane.note(Retry("throttled", 300.0, "lane"))
    assert (lane.state, lane.reason, lane.held_s()) == ("stopped", "vapid_refused", 300.0)


def test_what_another_process_found_out_holds_here(lane: Lane, clock: Clock):
    """It is learned once, never shortened, and forgotten when that process saw it run."""
    lane.learn("stopped", "vapid_refused", 100.0)
    assert (lane.state, lane.reason, lane.held_s()) == ("stopped", "vapid_refused", 100.0)
    lane.learn("parked", "throttled", 5.0)
    assert (lane.state, lane.held_s()) == ("stopped", 100.0)
    lane.learn("stopped", "vapid_refused", -5.0)
    assert lane.held_s() == 100.0

    lane.forget()
    assert lane.held_s() == 0.0
    assert lane.held_s() == 1.0
    clock.goes_on(1)
