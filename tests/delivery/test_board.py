"""What processes tell each other of their lanes, what each of them shows, and how they share a rate."""

import asyncio
from typing import Any

import pytest
import structlog
from prometheus_client import generate_latest

from gateway.delivery.board import LaneBoard
from gateway.delivery.lane import Lane
from gateway.model.delivery import Accepted, Misconfigured, Retry
from gateway.model.errors import StoreUnavailable
from gateway.model.limits import LANES_MAX
from gateway.store import lanes, processes
from gateway.store.database import Database
from gateway.telemetry import REGISTRY
from gateway.transports import find
from tests.delivery.test_lane import KEY, Clock
from tests.delivery.test_lane_pace import goes_at


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_lanes_are_told_apart(clock: Clock):
    """Another key, another service, another app: each goes on."""
    nowhere: Any = None
    board = LaneBoard(nowhere, clock=clock)
    board.of(KEY).note(Misconfigured("tls"))

    assert board.of(KEY).state == "stopped"
    for other in ((1, 3, KEY[2]), (1, 2, "https://other.example"), (9, 2, KEY[2])):
        assert board.of(other).held_s() == 0.0


def test_strangers_cannot_fill_the_memory_with_lanes(clock: Clock):
    """Whoever enrols devices at ever new hosts costs the lanes that run freely, not the one that stands."""
    nowhere: Any = None
    board = LaneBoard(nowhere, clock=clock)
    board.of(KEY).note(Misconfigured("tls"))
    for number in range(LANES_MAX):
        board.of((1, 2, f"https://{number}.example"))
    assert board.of(KEY).state == "stopped"

    for number in range(LANES_MAX + 10):
        board.of((1, 3, f"https://{number}.example")).note(Misconfigured("tls"))
    assert len(board._lanes) <= LANES_MAX


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


# --- rates ------------------------------------------------------------------------------------------------------------


async def passes(db: Database, clock: Clock, seconds: float) -> None:
    """Time goes by, here and in the database."""
    clock.goes_on(seconds)
    await db.execute(
        "UPDATE lanes SET until = until - $1 * interval '1 second', rate_since = rate_since - $1 * interval '1 second'",
        seconds,
    )


async def slow_down(db: Database, board: LaneBoard, clock: Clock, *, per_s: int = 1_000) -> Lane:
    """A lane that went at so many a second, was throttled, and runs again."""
    lane = board.of(KEY)
    goes_at(lane, clock, per_s)
    lane.note(Retry("throttled", 30.0, "lane"))
    await board.exchange()
    await passes(db, clock, 31)
    assert lane.held_s() == 0.0
    lane.note(Accepted())
    await board.exchange()
    return lane


async def test_a_rate_is_known_to_all_and_to_those_who_come_later(db: Database, boards: list[LaneBoard], clock: Clock):
    """One process hears the 429; the others, and one that is started anew, keep to the rate."""
    here = await slow_down(db, boards[0], clock)
    there = boards[1].of(KEY)
    newcomer = LaneBoard(db, clock=clock)
    for board in (boards[1], newcomer):
        await board.exchange()

    for lane in (here, there, newcomer.of(KEY)):
        assert lane.state == "running"
        assert lane.rate.per_s(clock()) == pytest.approx(500, rel=0.1)
    (row,) = (await lanes.standing(db))[1]
    assert (row.state, row.reason) == (lanes.RUNNING, "throttled")


async def test_hearing_one_s_own_rate_again_changes_nothing(db: Database, boards: list[LaneBoard], clock: Clock):
    """Every second it comes back from the store, rounded: a fall that follows must not be taken for a second one."""
    lane = await slow_down(db, boards[0], clock)
    known = lane.rate.slowdown
    for _ in range(5):
        await passes(db, clock, 1)
        await boards[0].exchange()
    assert lane.rate.slowdown is known


async def test_a_rate_that_has_grown_back_is_forgotten_by_all(db: Database, boards: list[LaneBoard], clock: Clock):
    """No row, no limit, and the gauges say so."""
    lane = await slow_down(db, boards[0], clock)
    await boards[1].exchange()
    await passes(db, clock, 300)
    await exchange(boards)
    assert (await lanes.standing(db))[1] == []
    await exchange(boards)
    assert [board.of(KEY).rate.per_s(clock()) for board in boards] == [None, None]
    assert lane.rate.is_open


async def test_an_operator_s_word_frees_a_lane_in_all_processes(db: Database, boards: list[LaneBoard], clock: Clock):
    """The key is mended: the next push goes first, now and not in a quarter of an hour."""
    for board in boards:
        board.of(KEY).note(Misconfigured("vapid_refused"))
    await exchange(boards)

    await db.execute("DELETE FROM lanes")
    await exchange(boards)

    assert [board.of(KEY).held_s() for board in boards] == [0.0, 0.0]


async def test_a_standstill_of_this_moment_outlives_an_older_end(db: Database, boards: list[LaneBoard], clock: Clock):
    """What one process just found out is not undone by what another one told a second ago."""
    lane = await slow_down(db, boards[0], clock)
    await boards[1].exchange()
    other = boards[1].of(KEY)
    other.note(Misconfigured("tls"))
    await boards[1]._hear()
    assert (other.state, other.held_s()) == ("stopped", 60.0)
    await boards[1].exchange()
    await boards[0].exchange()
    assert lane.state == "stopped"


async def test_a_limited_site_raises_one_alarm(boards: list[LaneBoard], clock: Clock):
    """However many processes notice, and however often the service says it again."""
    with structlog.testing.capture_logs() as logs:
        for _ in range(12):
            for board in boards:
                lane = board.of(KEY)
                goes_at(lane, clock, 8)
                lane.note(Retry("throttled", 60.0, "lane"))
            await exchange(boards)
            clock.goes_on(60)
            for board in boards:
                assert board.of(KEY).held_s() == 0.0
                board.of(KEY).note(Accepted())
            await exchange(boards)

    alarms = [entry for entry in logs if entry["log_level"] == "error"]
    assert [entry["event"] for entry in alarms] == ["lane_site_limited"]
    assert alarms[0]["per_minute"] <= 1_200
    assert {board.of(KEY).rate.is_site_limited for board in boards} == {True}


async def test_processes_share_a_rate(db: Database, clock: Clock):
    """Two workers get nearly half each; an API process, which sends few, keeps a small part."""
    roles = {1: "worker", 2: "worker", 3: "api", 4: "loops"}
    for number, role in roles.items():
        await processes.hear(db, process_id=number, role=role, host="here", pid=number, version="1")
    worker, api = LaneBoard(db, clock=clock), LaneBoard(db, role="api", clock=clock)
    known_before = worker.of(KEY)
    await exchange([worker, api])
    shares = {board: board.of((1, 9, KEY[2])).rate.share for board in (worker, api)}
    assert shares[worker] == known_before.rate.share == pytest.approx(1 / 2.1)
    assert shares[worker] * 2 + shares[api] == pytest.approx(1)


async def test_a_process_that_is_not_heard_of_yet_counts_itself(db: Database, clock: Clock):
    """The first seconds of a gateway."""
    board = LaneBoard(db, clock=clock)
    await board.exchange()
    assert board.of(KEY).rate.share == 1


# --- metrics ----------------------------------------------------------------------------------------------------------


async def test_the_metrics_name_services_not_shops(db: Database, clock: Clock):
    """Hosts that a provider knows stand for themselves or their pattern; of all others there may be any number."""
    transport: Any = find("webpush")
    board = LaneBoard(db, clock=clock)
    origins = ("https://fcm.googleapis.com", "https://db5p.notify.windows.com", "https://push.odd.example")
    entered = [board.of((app_id, 1, origin), transport) for app_id in (1, 2) for origin in origins]
    assert all(lane.try_enter() for lane in entered)
    entered[0].note(Misconfigured("tls"))
    entered[1].note(Retry("throttled", 60.0, "lane"))
    await board.exchange()
    shown = generate_latest(REGISTRY).decode()
    for line in (
        'steeple_lanes{host="fcm.googleapis.com",provider="webpush",state="stopped"} 1.0',
        'steeple_lanes{host="fcm.googleapis.com",provider="webpush",state="running"} 1.0',
        'steeple_lanes{host="*.notify.windows.com",provider="webpush",state="parked"} 1.0',
        'steeple_lane_requests_in_flight{host="other",provider="webpush"} 2.0',
        'steeple_lane_rate_per_second{host="*.notify.windows.com",provider="webpush"} 2.5',
        'steeple_lanes_standing{state="stopped"} 1.0',
        'steeple_lanes_standing{state="parked"} 1.0',
    ):
        assert line in shown
    assert 'steeple_lane_throttles_total{host="*.notify.windows.com",provider="webpush"}' in shown
    assert "odd.example" not in shown
