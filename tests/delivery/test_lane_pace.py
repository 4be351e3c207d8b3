"""Lanes at their own pace: who is let in, who waits, who is put off, and what answers change about it."""

import asyncio
import random
import time
from typing import Any

import pytest

from gateway.delivery.lane import Lane
from gateway.model.delivery import Accepted, Retry
from gateway.model.limits import LANE_IN_FLIGHT_START, LANE_PUT_OFF_S_MAX
from gateway.transports.base import Pace
from tests.delivery.test_lane import KEY, Clock, after


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lane(clock: Clock) -> Lane:
    return paced_lane(clock)


def paced_lane(clock: Any, **pace: Any) -> Lane:
    return Lane(KEY, on_change=lambda _: None, clock=clock, pace=Pace(**pace))


def goes_at(lane: Lane, clock: Clock, per_s: int) -> None:
    """Two seconds of so many accepted pushes a second."""
    for _ in range(per_s * 2):
        clock.goes_on(1 / per_s)
        lane.note(Accepted())


# --- what answers change ----------------------------------------------------------------------------------------------


def test_a_429_slows_the_lane_for_afterwards(lane: Lane, clock: Clock):
    """F17: it stands for as long as the service asked, and goes on at half of what it did; then it recovers."""
    goes_at(lane, clock, 1_000)
    for _ in range(100):
        lane.note(Retry("throttled", 30.0, "lane"))
    clock.goes_on(30)
    assert lane.held_s() == 0.0
    lane.note(Accepted())
    assert lane.state == "running"
    assert lane.rate.per_s(clock()) == pytest.approx(500, rel=0.05)

    clock.goes_on(120)
    assert lane.rate.per_s(clock()) is None


def test_a_503_that_asks_for_time_slows_the_lane_too(lane: Lane, clock: Clock):
    """It is the same request in other words."""
    goes_at(lane, clock, 1_000)
    lane.note(Retry("unavailable", 30.0, "lane"))
    assert lane.rate.per_s(clock()) == pytest.approx(500, rel=0.05)


def test_a_slowed_lane_pauses_seconds_for_a_429_without_a_time(lane: Lane, clock: Clock):
    """Its rate is about right: a minute of silence for each touch of the limit would halve what goes through."""
    goes_at(lane, clock, 100)
    assert after(lane, Retry("throttled", None, "lane")) == ("parked", 60.0)
    clock.goes_on(60)
    assert lane.held_s() == 0.0
    lane.note(Accepted())
    goes_at(lane, clock, 50)
    assert after(lane, Retry("throttled", None, "lane")) == ("parked", 10.0)


def test_answers_to_pushes_that_were_under_way_do_not_slow_it_further(lane: Lane, clock: Clock):
    """Ten seconds after the standstill began a slow 429 comes in: it was asked before."""
    goes_at(lane, clock, 1_000)
    lane.note(Retry("throttled", 30.0, "lane"))
    was = lane.rate.per_s(clock())
    clock.goes_on(10)
    lane.note(Retry("throttled", 30.0, "lane"))
    assert lane.rate.per_s(clock()) == was


def test_what_cannot_be_reached_is_not_slowed(lane: Lane, clock: Clock):
    """A service that was away had no objection to the rate; it is met with fewer requests at once."""
    goes_at(lane, clock, 100)
    lane.note(Retry("unreachable", None, "lane"))
    assert lane.rate.per_s(clock()) is None
    assert lane.in_flight_max == LANE_IN_FLIGHT_START // 2


@pytest.mark.parametrize("reason", ["timeout", "server_error", "broken", "unprocessed"])
def test_failures_make_room_shrink_and_successes_make_it_grow(lane: Lane, clock: Clock, reason: str):
    """F18: a service that struggles gets fewer requests at once, down to one."""
    for _ in range(10):
        lane.note(Retry(reason))
        clock.goes_on(1)
    assert lane.in_flight_max == 1
    for _ in range(40):
        while lane.try_enter():
            pass
        lane.note(Accepted())
        while lane.in_flight:
            lane.leave()
    assert lane.in_flight_max > 4


def test_a_throttled_device_is_not_the_lane_s_trouble(lane: Lane, clock: Clock):
    """Too many pushes to one device: neither the rate nor the room of all others changes."""
    lane.note(Retry("throttled", 60.0, "push"))
    assert (lane.rate.per_s(clock()), lane.in_flight_max) == (None, LANE_IN_FLIGHT_START)


def test_a_site_that_is_throttled_for_minutes_at_a_low_rate_is_limited(lane: Lane, clock: Clock):
    """The reason says so, once the service has gone on for five minutes; it is no overload that passes."""
    reasons: list[str] = []
    for _ in range(8):
        goes_at(lane, clock, 16)
        lane.note(Retry("throttled", 60.0, "lane"))
        reasons.append(lane.reason)
        clock.goes_on(60)
        assert lane.held_s() == 0.0
        lane.note(Accepted())
    assert reasons[:4] == ["throttled"] * 4
    assert reasons[-1] == "site_limited"


def test_a_storm_of_429s_costs_few_retries_and_passes(lane: Lane, clock: Clock):
    """F17: 30 % of answers, then all of them, then none: retries stay under 1.2 times the sends, and speed returns."""
    storm = Storm(lane, clock, random.Random(3))
    storm.lasts(60, share=0.0)
    calm = storm.accepted
    storm.lasts(120, share=0.3)
    storm.lasts(120, share=1.0)
    assert 0 < storm.refused <= 1.2 * storm.accepted
    storm.lasts(900, share=0.0)
    before = storm.accepted
    storm.lasts(60, share=0.0)
    assert storm.accepted - before >= 0.9 * calm
    assert lane.rate.per_s(clock()) is None


class Storm:
    """Twenty pushes want out in each tenth of a second, and a service that answers at once."""

    def __init__(self, lane: Lane, clock: Clock, dice: random.Random) -> None:
        self._lane, self._clock, self._dice = lane, clock, dice
        self.accepted = self.refused = 0

    def lasts(self, seconds: int, *, share: float) -> None:
        """So much time goes by, with so much of the answers a 429."""
        for _ in range(seconds * 10):
            self._clock.goes_on(0.1)
            if self._lane.state != "running":
                if self._lane.held_s() == 0.0:
                    self._is_answered(share)
                continue
            entered = sum(self._lane.try_enter() for _ in range(20))
            for _ in range(entered):
                self._is_answered(share)
                self._lane.leave()

    def _is_answered(self, share: float) -> None:
        is_refused = self._dice.random() < share
        self._lane.note(Retry("throttled", None, "lane") if is_refused else Accepted())
        self.accepted += not is_refused
        self.refused += is_refused


# --- who is let in ----------------------------------------------------------------------------------------------------


def test_a_lane_has_room_for_so_many(clock: Clock):
    """And for one more when one has left."""
    lane = paced_lane(clock, in_flight_max=3)
    assert [lane.try_enter() for _ in range(4)] == [True, True, True, False]
    lane.leave()
    assert [lane.try_enter() for _ in range(2)] == [True, False]
    assert lane.in_flight == 3


def test_a_lane_that_stands_lets_nobody_in_at_once(lane: Lane):
    """Who goes first is decided by `enter`."""
    lane.note(Retry("throttled", 60.0, "lane"))
    assert not lane.try_enter()
    assert lane.in_flight == 0


async def test_one_goes_first_and_the_others_are_put_off(lane: Lane, clock: Clock):
    """However many ask at once when a standstill is over."""
    lane.note(Retry("throttled", 60.0, "lane"))
    assert await lane.enter() == 60.0
    clock.goes_on(61)
    assert await asyncio.gather(*(lane.enter() for _ in range(20))) == [0.0] + [1.0] * 19
    assert lane.in_flight == 1
    lane.note(Accepted())
    lane.leave()
    assert lane.state == "running"


async def test_who_gets_a_place_after_somebody_went_first_gives_it_back(clock: Clock):
    """Two waited for the one place of a lane whose standstill was over: the second one is put off, not let in."""
    lane = paced_lane(clock, in_flight_max=1)
    assert lane.try_enter()
    lane.note(Retry("unavailable", 30.0, "lane"))
    clock.goes_on(31)
    waiting = [asyncio.create_task(lane.enter()) for _ in range(2)]
    await asyncio.sleep(0)
    lane.leave()
    assert await waiting[0] == 0.0
    lane.leave()
    assert await waiting[1] == 1.0
    assert lane.in_flight == 0


async def test_the_places_go_round_in_the_order_of_asking(clock: Clock):
    """Nobody is overtaken, and nobody is forgotten."""
    lane = paced_lane(clock, in_flight_max=2)
    got: list[int] = []

    async def push(number: int) -> None:
        assert await lane.enter() == 0.0
        got.append(number)
        await asyncio.sleep(0.001)
        lane.leave()

    await asyncio.gather(*(push(number) for number in range(20)))

    assert got == list(range(20))
    assert lane.in_flight == 0


async def test_waiting_that_is_given_up_costs_no_place(clock: Clock):
    """A drain cancels whoever waits: before a place was free, and in the moment in which one is handed over."""
    lane = paced_lane(clock, in_flight_max=1)
    assert lane.try_enter()
    waiting = [asyncio.create_task(lane.enter()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    lane.leave()
    waiting[1].cancel()  # its place was handed over a moment ago

    assert await waiting[2] == 0.0
    lane.leave()
    assert lane.in_flight == 0
    assert all(task.cancelled() for task in waiting[:2])


async def test_who_waits_for_a_lane_that_comes_to_stand_is_put_off(clock: Clock):
    """At once, not when the requests under way have run into their deadlines."""
    lane = paced_lane(clock, in_flight_max=1)
    assert lane.try_enter()
    waiting = [asyncio.create_task(lane.enter()) for _ in range(3)]
    await asyncio.sleep(0)
    lane.note(Retry("unreachable", 30.0, "lane"))
    async with asyncio.timeout(0.15):
        assert await asyncio.gather(*waiting) == [30.0] * 3
    lane.leave()
    assert lane.in_flight == 0


async def test_a_slow_lane_holds_nobody_for_long():
    """F18: a second, and newcomers not even that, for a group's other recipients stand behind them."""
    lane = paced_lane(time.monotonic, in_flight_max=1)
    assert lane.try_enter()
    began_s = time.monotonic()
    waits = await asyncio.gather(*(lane.enter() for _ in range(50)))
    took_s = time.monotonic() - began_s
    assert 0.9 < took_s < 2
    assert all(wait_s > 1 for wait_s in waits)

    waits = await asyncio.gather(*(lane.enter() for _ in range(200)))

    assert time.monotonic() - began_s - took_s < 0.2
    assert all(1 < wait_s <= LANE_PUT_OFF_S_MAX for wait_s in waits)
    lane.leave()
    assert await lane.enter() == 0.0


async def test_who_is_put_off_for_the_rate_comes_back_one_after_the_other():
    """A thousand at a lane of ten a second: those of the first second go, the others come back over two minutes."""
    lane = paced_lane(time.monotonic, rate_max=10.0)
    waits = await asyncio.gather(*(lane.enter() for _ in range(1_000)))
    put_off = [wait_s for wait_s in waits if wait_s]
    assert 11 <= len(waits) - len(put_off) <= 15
    assert put_off == sorted(put_off)
    assert put_off[0] <= 1.2
    assert put_off[500] == pytest.approx(51, abs=2)
    assert put_off[-1] <= LANE_PUT_OFF_S_MAX


async def test_one_lane_s_waiters_hold_up_no_other(clock: Clock):
    """G6: the push service next door is entered without a wait."""
    full, free = paced_lane(clock, in_flight_max=1), paced_lane(clock, in_flight_max=1)
    assert full.try_enter()
    waiting = [asyncio.create_task(full.enter()) for _ in range(100)]
    await asyncio.sleep(0)
    async with asyncio.timeout(0.15):
        for _ in range(100):
            assert await free.enter() == 0.0
            free.leave()
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
