"""Lanes: what stands still, for how long, who is tried first, and what processes tell each other."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import structlog

from gateway.delivery.lane import Lane, LaneBoard
from gateway.model.delivery import Accepted, Gone, Misconfigured, Outcome, Rejected, Retry, Suspect
from gateway.model.errors import StoreUnavailable
from gateway.policy.circuit import Verdict
from gateway.store import lanes
from gateway.store.database import Database

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


def test_a_lane_works_for_a_quarter_of_an_hour_after_a_success(lane: Lane, clock: Clock):
    """Failures count against a recipient only while others get through."""
    assert not lane.works
    lane.note(Accepted())
    clock.goes_on(899)
    assert lane.works
    clock.goes_on(2)
    assert not lane.works


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


def test_lanes_are_told_apart(clock: Clock):
    """Another key, another service, another app: each goes on."""
    nowhere: Any = None
    board = LaneBoard(nowhere, clock=clock)
    board.of(KEY).note(Misconfigured("tls"))

    assert board.of(KEY).state == "stopped"
    for other in ((1, 3, KEY[2]), (1, 2, "https://other.example"), (9, 2, KEY[2])):
        assert board.of(other).held_s() == 0.0


# --- between processes ------------------------------------------------------------------------------------------------


@pytest.fixture
def boards(db: Database, clock: Clock) -> list[LaneBoard]:
    """Two processes on one database."""
    return [LaneBoard(db, clock=clock) for _ in range(2)]


async def exchange(boards: list[LaneBoard]) -> None:
    for board in boards:
        await board.exchange()


async def test_a_standstill_is_known_to_all_and_ends_for_all(boards: list[LaneBoard], clock: Clock):
    """One process hears the 429, none of the others has to; one sees it run, and all go on."""
    here, there = (board.of(KEY) for board in boards)
    here.note(Retry("throttled", 120.0, "lane"))

    await exchange(boards)
    assert (there.state, there.reason) == ("parked", "throttled")
    assert 118 < there.held_s() <= 120

    clock.goes_on(120)
    assert there.held_s() == 0.0
    there.note(Accepted())
    await exchange(boards[::-1])
    assert (there.state, here.held_s()) == ("running", 0.0)
    await exchange(boards)
    assert here.held_s() == 1.0  # its own probe is still out
    here.note(Accepted())
    assert here.state == "running"


async def test_a_process_that_starts_later_learns_what_stands(db: Database, boards: list[LaneBoard], clock: Clock):
    """A restart is no reason to run into the same wall."""
    boards[0].of(KEY).note(Misconfigured("vapid_refused"))
    await boards[0].exchange()

    newcomer = LaneBoard(db, clock=clock)
    await newcomer.exchange()

    assert newcomer.of(KEY).state == "stopped"


async def test_a_stopped_lane_raises_one_alarm(boards: list[LaneBoard], clock: Clock):
    """However many processes find out, and however often the probe fails: one line in the log."""
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            for board in boards:
                lane = board.of(KEY)
                lane.held_s()
                lane.note(Misconfigured("vapid_refused"))
            await exchange(boards)
            clock.goes_on(1000)

    alarms = [entry for entry in logs if entry["log_level"] == "error"]
    assert [entry["event"] for entry in alarms] == ["lane_stopped"]
    assert (alarms[0]["credential"], alarms[0]["origin"], alarms[0]["reason"]) == (2, KEY[2], "vapid_refused")


async def test_running_again_is_told_once_and_a_new_stop_is_a_new_alarm(boards: list[LaneBoard], clock: Clock):
    """The operator mended the key, and broke it again."""
    lane = boards[0].of(KEY)
    with structlog.testing.capture_logs() as logs:
        for _ in range(2):
            lane.note(Misconfigured("vapid_refused"))
            await exchange(boards)
            clock.goes_on(61)
            assert lane.held_s() == 0.0
            lane.note(Accepted())
            await exchange(boards)

    assert [entry["event"] for entry in logs] == ["lane_stopped", "lane_runs_again"] * 2


class Flickering:
    """A database that goes away in the middle of an exchange."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.is_away = False

    def __getattr__(self, name: str) -> Any:
        if self.is_away:
            raise StoreUnavailable
        return getattr(self._db, name)


async def test_news_that_met_no_database_is_told_when_it_is_back(db: Database, clock: Clock):
    """A lane that stopped during an outage of Postgres still raises its alarm, and the others hear of it."""
    flickering: Any = Flickering(db)
    board, other = LaneBoard(flickering, clock=clock), LaneBoard(db, clock=clock)
    second = (1, 3, KEY[2])
    for key in (KEY, second):
        board.of(key).note(Misconfigured("vapid_refused"))
    flickering.is_away = True
    with pytest.raises(StoreUnavailable):
        await board.exchange()
    flickering.is_away = False

    await board.exchange()
    await other.exchange()

    assert {(row.app_id, row.credential_id) for row in (await lanes.standing(db))[1]} == {(1, 2), (1, 3)}
    assert other.of(KEY).state == other.of(second).state == "stopped"


async def test_many_changes_of_one_lane_are_one_word(boards: list[LaneBoard], db: Database):
    """Between two exchanges a lane may stand and run and stand: its last state is what is told."""
    lane = boards[0].of(KEY)
    lane.note(Misconfigured("a"))
    lane.until_s = 0.0
    assert lane.held_s() == 0.0
    lane.note(Accepted())

    await asyncio.gather(*(board.exchange() for board in boards))

    assert (await lanes.standing(db))[1] == []
