"""How fast a lane goes: it gives way within a second or two, comes back by itself, and never bursts."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.limits import LANE_IN_FLIGHT_MAX, LANE_IN_FLIGHT_MIXED, LANE_IN_FLIGHT_START, LANE_RATE_MIN
from gateway.policy.pace import InFlight, Rate, Slowdown

NOW_S = 1_000.0
BURST_S = 0.25


def busy(per_s: float, *, at_s: float = NOW_S, rate: Rate | None = None) -> Rate:
    """A lane's rate after two seconds of so many answers a second."""
    rate = rate or Rate()
    for n in range(int(2 * per_s)):
        rate.count(at_s - 2 + n / per_s)
    return rate


# --- requests at once -------------------------------------------------------------------------------------------------


def test_a_lane_starts_with_room_for_full_speed():
    """No campaign begins by crawling; a provider that bears little is asked for no more than that."""
    assert InFlight(LANE_IN_FLIGHT_MAX).limit == LANE_IN_FLIGHT_START
    assert InFlight(10).limit == 10


def test_room_grows_by_one_a_round_while_it_is_what_holds_pushes_back():
    """A round is as many good answers as there are places; nothing grows while nobody waits."""
    room = InFlight(LANE_IN_FLIGHT_MAX)
    room.cut(NOW_S)
    before = LANE_IN_FLIGHT_START // 2
    assert not any(room.good(is_full=False) for _ in range(1_000))
    assert room.limit == before

    grown = sum(room.good(is_full=True) for _ in range(before + 1))

    assert (grown, room.limit) == (1, before + 1)


def test_room_doubles_with_each_round_until_the_service_fails():
    """Nothing is known of what it bears, and a campaign has no minutes to find out."""
    room = InFlight(LANE_IN_FLIGHT_MAX)

    for _ in range(LANE_IN_FLIGHT_START):
        room.good(is_full=True)
    assert room.limit == 2 * LANE_IN_FLIGHT_START
    for _ in range(10_000):
        room.good(is_full=True)
    assert room.limit == LANE_IN_FLIGHT_MAX


def test_room_is_halved_once_a_second_down_to_one():
    """A hundred requests that fail together are one sign, and a dead service still gets one request at a time."""
    room = InFlight(LANE_IN_FLIGHT_MAX)
    for _ in range(100):
        room.bad(NOW_S)
    assert room.limit == LANE_IN_FLIGHT_START // 2
    for second in range(1, 20):
        room.bad(NOW_S + second)
    assert room.limit == 1


def test_a_rare_failure_is_forgiven_and_many_are_not():
    """One push in two hundred that meets a 500 does not slow a lane down; one in twenty does."""

    def after_ten_seconds(bad_every: int) -> int:
        room = InFlight(LANE_IN_FLIGHT_MAX)
        for n in range(10_000):
            if n % bad_every == 0 and n:
                room.bad(NOW_S + n / 1_000)
            else:
                room.good(is_full=False)
        return room.limit

    assert after_ten_seconds(200) == LANE_IN_FLIGHT_START
    assert after_ten_seconds(20) == LANE_IN_FLIGHT_MIXED


@given(
    st.integers(1, LANE_IN_FLIGHT_MAX), st.lists(st.tuples(st.sampled_from(["good", "bad", "cut"]), st.floats(0, 2)))
)
def test_room_stays_within_its_bounds(most: int, answers: list[tuple[str, float]]):
    """At least one, at most what the provider bears, and no cut takes more than half."""
    room, now_s = InFlight(most), NOW_S
    for kind, later_s in answers:
        now_s += later_s
        before = room.limit
        match kind:
            case "good":
                room.good(is_full=True)
            case "bad":
                room.bad(now_s)
            case _:
                room.cut(now_s)
        assert max(1, before // 2) <= room.limit <= min(before + 1, most)


# --- the rate after a fall --------------------------------------------------------------------------------------------


def test_nothing_is_limited_before_a_service_says_so():
    """As fast as it goes, and without a question asked."""
    rate = busy(5_000)
    assert rate.is_open
    assert rate.per_s(NOW_S) is None
    assert rate.reserve(NOW_S, wait_s_max=0) == 0


def test_a_throttled_lane_falls_to_half_of_what_it_achieved():
    """The first 429 is enough; the hundred that follow it within the second say the same."""
    rate = busy(1_000)
    falls = [rate.fall(NOW_S + n / 200, resumes_at_s=0) for n in range(100)]
    assert falls == [True] + [False] * 99
    assert rate.per_s(NOW_S) == pytest.approx(500, rel=0.02)
    assert not rate.is_open


def test_a_rate_falls_by_half_each_second_that_the_service_goes_on_throttling():
    """500, 250, 125 ... and one a second at the end: a lane never stops on its own account."""
    rate, limits = busy(1_000), list[float]()
    for second in range(12):
        rate.fall(NOW_S + second, resumes_at_s=0)
        limits.append(rate.per_s(NOW_S + second) or math.inf)
        busy(limits[-1], at_s=NOW_S + second + 1, rate=rate)
    assert limits[1] < 300
    assert limits[-1] == LANE_RATE_MIN
    assert all(later <= max(LANE_RATE_MIN, earlier * 0.52) for earlier, later in itertools.pairwise(limits))


def test_a_lane_whose_first_answer_is_a_429_does_not_crawl():
    """Forty pushes went out at once; the first to be answered says nothing of how fast the lane was."""
    rate = Rate()
    rate.count(NOW_S)
    rate.fall(NOW_S, resumes_at_s=0, in_flight=40)
    assert rate.per_s(NOW_S) == pytest.approx(22)


def test_the_rate_before_the_first_fall_stays_the_aim():
    """However often it fell since: the service bore it once, and may again."""
    rate = busy(1_000)
    rate.fall(NOW_S, resumes_at_s=0)
    busy(500, at_s=NOW_S + 3, rate=rate).fall(NOW_S + 3, resumes_at_s=0)
    assert rate.slowdown is not None
    assert (rate.slowdown.before, rate.slowdown.peak) == pytest.approx((500, 1_000), rel=0.05)


def test_what_a_process_achieved_counts_for_all_of_them():
    """One of four workers, at 250 a second: the gateway went at 1,000."""
    rate = Rate()
    rate.set_share(0.25)
    busy(250, rate=rate).fall(NOW_S, resumes_at_s=0)
    assert rate.per_s(NOW_S) == pytest.approx(500, rel=0.05)


def test_a_rate_comes_back_by_a_twentieth_every_ten_seconds():
    """Half speed at first, full speed after a hundred seconds, and then no limit at all."""
    slowed = Slowdown(rate=50, before=100, peak=100, since_s=NOW_S)
    assert [slowed.at(NOW_S + later_s) for later_s in (-60, 0, 10, 20, 99)] == pytest.approx([50, 50, 55, 60, 99.5])
    assert slowed.at(NOW_S + 100) is None


def test_after_many_falls_the_old_speed_is_felt_for_and_not_leapt_at():
    """Nothing is known between the rate before the last fall and the first one: it doubles every 100 s."""
    slowed = Slowdown(rate=1, before=2, peak=1_000, since_s=NOW_S)
    assert [slowed.at(NOW_S + later_s) for later_s in (100, 200, 300)] == pytest.approx([2, 4, 8])
    assert slowed.at(NOW_S + 900) is not None
    assert slowed.at(NOW_S + 1_000) is None


slowdowns = st.builds(
    lambda rate, more, most: Slowdown(rate, rate * more, rate * more * most, NOW_S),
    st.floats(LANE_RATE_MIN, 1e5), st.floats(2, 10), st.floats(1, 1_000),
)  # fmt: skip


@given(slowdowns, st.floats(0, 10_000), st.floats(0, 1_000))
def test_a_rate_grows_steadily_and_ends_at_the_peak(slowed: Slowdown, later_s: float, more_s: float):
    """Never a step back, never above what the service once bore, and lifted in the end."""
    first, second = slowed.at(NOW_S + later_s), slowed.at(NOW_S + later_s + more_s)
    if second is not None:
        assert first is not None
        assert first <= second * (1 + 1e-9)
        assert second <= slowed.peak * (1 + 1e-9)
    assert slowed.at(NOW_S + 20_000) is None


def test_a_lane_that_stands_does_not_grow():
    """The service asked for a minute: after it the lane goes on at half speed, not at what time has made of it."""
    rate = busy(100)
    rate.fall(NOW_S, resumes_at_s=NOW_S + 60)
    assert rate.per_s(NOW_S + 60) == pytest.approx(50, rel=0.02)
    rate.still_refused(NOW_S + 60, resumes_at_s=NOW_S + 180)
    assert rate.per_s(NOW_S + 180) == pytest.approx(50, rel=0.02)
    assert rate.per_s(NOW_S + 180 + 200) is None
    assert rate.is_open


def test_another_process_s_lower_rate_is_taken_over_and_a_higher_one_is_not():
    """All keep to the lowest; what comes back from the store a little rounded changes nothing."""
    rate = busy(100)
    rate.fall(NOW_S, resumes_at_s=0)
    own = rate.slowdown
    assert own is not None
    for told in (Slowdown(80, 160, 160, NOW_S), Slowdown(own.rate * 0.9999, own.before, own.peak, NOW_S)):
        rate.learn(told, NOW_S)
        assert rate.slowdown is own

    rate.learn(Slowdown(10, 20, 160, NOW_S), NOW_S)
    assert rate.per_s(NOW_S) == 10


# --- spending it ------------------------------------------------------------------------------------------------------


def spent(rate: Rate, gaps: list[float], *, wait_s_max: float) -> list[float]:
    """The moments at which pushes went that came after these gaps."""
    now_s, moments = NOW_S, list[float]()
    for gap_s in gaps:
        now_s += gap_s
        wait_s = rate.reserve(now_s, wait_s_max=wait_s_max)
        if wait_s <= wait_s_max:
            moments.append(now_s + wait_s)
    return moments


@given(st.floats(0.5, 500), st.floats(0.05, 1), st.lists(st.floats(0, 0.5), min_size=2, max_size=300), st.floats(0, 2))
def test_no_stretch_of_time_has_more_pushes_than_rate_and_burst(
    per_s: float, share: float, gaps: list[float], wait_s_max: float
):
    """I10: whenever pushes come and however patient they are, the lane keeps to its part of the rate."""
    rate = Rate(rate_max=per_s)
    rate.set_share(share)
    moments = spent(rate, gaps, wait_s_max=wait_s_max)
    own = per_s * share
    assert moments == sorted(moments)
    for first, last in itertools.combinations(range(len(moments)), 2):
        assert last - first + 1 <= own * (moments[last] - moments[first]) + own * BURST_S + 1 + 1e-6


def test_who_would_wait_too_long_takes_nobody_s_turn():
    """A hundred come at once to a lane of ten a second: those of the first second are let in, the others cost none."""
    rate = Rate(rate_max=10)
    assert len(spent(rate, [0.0] * 100, wait_s_max=1)) == 10 + 1 + int(10 * BURST_S)
    assert rate.reserve(NOW_S + 1, wait_s_max=1) <= 1


def test_what_was_saved_up_at_full_speed_is_not_spent_after_a_fall():
    """The burst of the old rate is no right at the new one."""
    rate = Rate(rate_max=1_000)
    rate.reserve(NOW_S, wait_s_max=0)
    busy(4, at_s=NOW_S + 10, rate=rate).fall(NOW_S + 10, resumes_at_s=0)
    assert len(spent(rate, [10.0] + [0.0] * 50, wait_s_max=0)) <= 2


def test_a_provider_s_own_rate_is_reached_from_a_tenth_of_it_up():
    """After a pause a minute passes from 10 % to full speed: spikes are what services throttle first."""
    rate = Rate(rate_max=600, ramp_s=60)
    second_by_second = [len(spent_in_second(rate, second)) for second in range(80)]
    assert second_by_second[1] <= 0.15 * 600
    assert 0.4 * 600 <= second_by_second[30] <= 0.65 * 600
    assert second_by_second[70] == pytest.approx(600, abs=2)
    assert len(spent_in_second(rate, 500)) <= 0.15 * 600 + 600 * BURST_S


def spent_in_second(rate: Rate, second: int) -> list[float]:
    """Everybody comes, all the time."""
    moments = [NOW_S + second + n / 1_000 for n in range(1_000)]
    return [moment for moment in moments if rate.reserve(moment, wait_s_max=0) == 0]


# --- a limit meant for this site --------------------------------------------------------------------------------------


def throttled_for(seconds: float, *, per_s: float, every_s: float = 60) -> Rate:
    """A lane that goes at so many a second and hears a 429 every minute."""
    rate = Rate()
    for n in range(int(seconds / every_s) + 1):
        now_s = NOW_S + n * every_s
        busy(per_s, at_s=now_s, rate=rate).fall(now_s, resumes_at_s=0)
    return rate


def test_minutes_of_throttling_at_a_thousand_a_minute_are_no_overload():
    """A service that judges a site disruptive lets 1,000 a minute through, for days: the operator has to know."""
    assert throttled_for(360, per_s=16).is_site_limited
    assert not throttled_for(240, per_s=16).is_site_limited
    assert not throttled_for(3600, per_s=200, every_s=95).is_site_limited


def test_the_suspicion_ends_with_the_limit():
    """When the service has taken the old rate for a while, the next 429 begins a new story."""
    rate = throttled_for(360, per_s=16)
    assert rate.per_s(NOW_S + 5_000) is None
    assert not rate.is_site_limited


def test_bad_addresses_do_not_make_a_lane_crawl():
    """Nine of ten fail, second after second, and the tenth gets through: sixteen at once remain. Else it is one."""
    mixed, failing = InFlight(128), InFlight(128)
    for second in range(30):
        for _ in range(9):
            mixed.bad(float(second))
            failing.bad(float(second))
        mixed.good(is_full=False)
    assert (mixed.limit, failing.limit) == (16, 1)
    mixed.cut(31.0)
    assert mixed.limit == 8, "who asks for less is heard"
