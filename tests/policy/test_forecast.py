"""When a message would go out, hour by hour."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model.limits import PREVIEW_HOURS_MAX, PREVIEW_ZONES_MAX
from gateway.model.quiet_hours import QuietHours
from gateway.model.schedule import Timing
from gateway.model.work import PlaceKey
from gateway.policy.appointment import Calendar
from gateway.policy.forecast import Forecast, Held, forecast
from gateway.policy.zones import zones_of_country

QUIET = QuietHours(begins="21:00", ends="09:00")
BERLIN = PlaceKey("Europe/Berlin", "DE", -1)
NEW_YORK = PlaceKey("America/New_York", "US", -1)
TOKYO = PlaceKey("Asia/Tokyo", "JP", -1)
NOWHERE = PlaceKey("", "", -1)
HOUR = timedelta(hours=1)
NOON = datetime(2026, 6, 10, 12, tzinfo=UTC)


def told(counts: dict[PlaceKey, int], base: datetime = NOON, **more: Any) -> Forecast:
    """The forecast of an audience that is where `counts` says."""
    timing = more.pop("timing", Timing())
    calendar = Calendar(timing=timing, quiet=more.pop("quiet", QUIET), base=base, app_hour=more.pop("app_hour", None))
    asked: dict[str, Any] = {
        "audience": sum(counts.values()),
        "per_minute": None,
        "expires_at": timing.until or base + timedelta(days=3),
        **more,
    }
    return forecast(calendar, counts, None, **asked)


def hours(seen: Forecast) -> dict[str, int]:
    """How many go out in which hour."""
    return {f"{hour.at:%d %H:%M}": hour.count for hour in seen.by_hour}


def test_who_is_awake_gets_it_now_and_who_sleeps_in_the_morning():
    """At noon UTC it is day in Berlin, and nine in the evening in Tokyo; New York is just up at its own nine."""
    seen = told({BERLIN: 100, TOKYO: 20, NEW_YORK: 5})
    assert hours(seen) == {"10 12:00": 100, "10 13:00": 5, "11 00:00": 20}
    assert seen.by_hour[2].zones == {"Asia/Tokyo": 20}
    assert seen.held == {"quiet": Held(25, datetime(2026, 6, 11, tzinfo=UTC))}
    assert seen.zones == {"Europe/Berlin": 100, "Asia/Tokyo": 20, "America/New_York": 5}


def test_each_zone_has_its_own_nine_oclock():
    """Who is before it waits for it, who is past it until tomorrow or for ever."""
    counts = {BERLIN: 3, NEW_YORK: 2}
    seen = told(counts, timing=Timing(local_time="09:00"))
    assert hours(seen) == {"10 13:00": 2, "11 07:00": 3}
    assert seen.held == {"local_time": Held(5, datetime(2026, 6, 11, 7, tzinfo=UTC))}
    late = told(counts, timing=Timing(local_time="09:00", past="skip"))
    assert (hours(late), late.held["late"]) == ({"10 13:00": 2}, Held(3, None))


def test_a_rate_spreads_over_hours_and_stops_at_night():
    """Ten a minute are 600 an hour; at nine in the evening it stops, and goes on at nine."""
    base = datetime(2026, 6, 10, 17, 30, tzinfo=UTC)
    seen = told({BERLIN: 1_500}, base, per_minute=10)
    assert hours(seen) == {"10 17:00": 300, "10 18:00": 600, "11 07:00": 600}
    assert seen.held["quiet"] == Held(600, datetime(2026, 6, 11, 7, tzinfo=UTC))
    assert seen.held["throttled"].count == 1_500 - 2 * 10


def test_two_zones_share_one_rate():
    """The rate is the message's: who wakes up joins the line."""
    base = datetime(2026, 6, 10, 12, tzinfo=UTC)
    seen = told({BERLIN: 900, NEW_YORK: 300}, base, per_minute=10)
    assert [(hour.count, hour.zones) for hour in seen.by_hour] == [
        (600, {"Europe/Berlin": 600}),
        (600, {"Europe/Berlin": 300, "America/New_York": 300}),
    ]


def test_whoever_the_end_overtakes_never_gets_it():
    """By the rate, by the night: they are told as expired, and the others go."""
    by_rate = told({BERLIN: 1_000}, timing=Timing(until=NOON + timedelta(minutes=90)), per_minute=10)
    assert (hours(by_rate), by_rate.held["expired"]) == ({"10 12:00": 600, "10 13:00": 300}, Held(100, None))
    by_night = told({BERLIN: 7, TOKYO: 4}, timing=Timing(until=NOON + 2 * HOUR))
    assert (hours(by_night), by_night.held) == ({"10 12:00": 7}, {"expired": Held(4, None)})


def test_the_end_comes_on_its_minute():
    """Not at the end of the hour, or of the quarter."""
    seen = told({BERLIN: 1_000}, timing=Timing(until=NOON + timedelta(minutes=95)), per_minute=10)
    assert hours(seen) == {"10 12:00": 600, "10 13:00": 350}


def test_whoever_the_night_keeps_past_the_end_does_not_wait():
    """A rate that runs into the night: no morning is promised to those who would not live to see it."""
    base = datetime(2026, 6, 10, 18, 30, tzinfo=UTC)
    seen = told({BERLIN: 400}, base, timing=Timing(until=base + 3 * HOUR), per_minute=10)
    assert (hours(seen), seen.held["expired"]) == ({"10 18:00": 300}, Held(100, None))
    assert seen.held.keys() == {"expired", "throttled"}


def test_who_waits_for_two_nights_is_counted_once():
    """Sixty an hour, from a quarter to nine in the evening: fifteen, then twelve hours of day, then the next day."""
    base = datetime(2026, 6, 10, 18, 45, tzinfo=UTC)
    seen = told({BERLIN: 1_000}, base, per_minute=1)
    assert seen.held["quiet"] == Held(985, datetime(2026, 6, 12, 7, tzinfo=UTC))


def test_a_holiday_is_that_of_the_country():
    """The same zone in two countries: one of them has the day off."""
    christmas = datetime(2026, 12, 25, 12, tzinfo=UTC)
    seen = told({BERLIN: 5, PlaceKey("Europe/Berlin", "TR", -1): 2}, christmas, quiet=QuietHours(holidays=True))
    assert hours(seen) == {"25 12:00": 2, "27 08:00": 5}


def test_the_night_may_drop():
    """Then nobody waits for the morning, neither now nor when a rate runs into the night."""
    timing = Timing(on_quiet="drop")
    assert told({TOKYO: 4}, timing=timing).held == {"quiet": Held(4, None)}
    base = datetime(2026, 6, 10, 18, 30, tzinfo=UTC)
    slow = told({BERLIN: 400}, base, timing=timing, per_minute=10)
    assert (hours(slow), slow.held["quiet"]) == ({"10 18:00": 300}, Held(100, None))


def test_the_best_hour_of_each():
    """Their own, else that of most of the app's people."""
    counts = {PlaceKey("Europe/Berlin", "DE", 18): 2, BERLIN: 3}
    seen = told(counts, timing=Timing(best_time=True), app_hour=15, quiet=None)
    assert hours(seen) == {"10 15:00": 3, "10 18:00": 2}
    assert seen.held["best_time"].count == 5


def test_the_best_hour_is_one_of_utc():
    """By whatever clock the shop says its time, people are there at the same moment."""
    there = NOON.astimezone(timezone(timedelta(hours=5)))
    assert hours(told({BERLIN: 3}, there, timing=Timing(best_time=True), app_hour=15, quiet=None)) == {"10 15:00": 3}
    assert hours(told({BERLIN: 3}, there, timing=Timing(best_time=True), app_hour=17, quiet=None)) == {"10 17:00": 3}


def test_who_is_in_no_count_is_anywhere():
    """Of more places than are told apart, and where only the country is known."""
    seen = told({PlaceKey("", "US", -1): 2}, audience=5)
    assert seen.zones == {"unknown": 3, "US": 2}
    assert hours(seen)["10 12:00"] == 3


def test_a_trickle_is_told_for_two_weeks():
    """The rest is one number."""
    seen = told({NOWHERE: 100_000}, per_minute=1, expires_at=NOON + timedelta(days=300))
    assert (len(seen.by_hour), seen.later) == (PREVIEW_HOURS_MAX, 100_000 - PREVIEW_HOURS_MAX * 60)


def test_small_zones_are_one_sum():
    """An answer has a size."""
    zones = [zone for country in ("US", "RU", "CA", "AU") for zone in zones_of_country(country)]
    seen = told({PlaceKey(zone, "", -1): 1 + at for at, zone in enumerate(zones)}, quiet=None)
    assert len(seen.zones) == PREVIEW_ZONES_MAX + 1 == len(seen.by_hour[0].zones)
    assert sum(seen.zones.values()) == sum(seen.by_hour[0].zones.values()) == seen.by_hour[0].count


def test_hours_are_those_of_utc():
    """However far from it, and how oddly, the clock is by which the shop says its time."""
    there = NOON.astimezone(timezone(timedelta(hours=5, minutes=17)))
    seen = told({BERLIN: 700}, there, per_minute=10)
    assert hours(seen) == {"10 12:00": 600, "10 13:00": 100}
    assert {hour.at.utcoffset() for hour in seen.by_hour} == {timedelta(0)}


KEYS = st.builds(
    PlaceKey,
    st.sampled_from(["", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "No/Where"]),
    st.sampled_from(["", "DE", "US", "ZZ"]),
    st.integers(-1, 23),
)
MOMENTS = st.integers(1_735_689_600, 1_861_920_000).map(lambda at_s: datetime.fromtimestamp(at_s, UTC))
CLOCKS = st.integers(0, 1_439).map(lambda at_min: f"{at_min // 60:02}:{at_min % 60:02}")
TIMINGS = st.one_of(
    st.builds(Timing, on_quiet=st.sampled_from(["hold", "drop"])),
    st.builds(
        Timing,
        local_time=CLOCKS,
        past=st.sampled_from(["tomorrow", "now", "skip"]),
        on_quiet=st.sampled_from(["hold", "drop"]),
    ),
    st.just(Timing(best_time=True)),
)
NIGHTS = st.none() | st.builds(QuietHours, begins=CLOCKS, ends=CLOCKS, weekends=st.booleans())


@settings(max_examples=200, deadline=None)
@given(
    base=MOMENTS,
    counts=st.dictionaries(KEYS, st.integers(0, 5_000), max_size=8),
    more=st.integers(0, 50),
    timing=TIMINGS,
    quiet=NIGHTS,
    per_minute=st.none() | st.integers(1, 10_000),
    life_s=st.integers(1, 20 * 86_400),
)
def test_nobody_is_lost_and_nobody_told_twice(
    *,
    base: datetime,
    counts: dict[PlaceKey, int],
    more: int,
    timing: Timing,
    quiet: QuietHours | None,
    per_minute: int | None,
    life_s: int,
):
    """Whatever is asked: hours, later, and those who never get it are the audience; no hour is over its rate."""
    audience = sum(counts.values()) + more
    ends = base + timedelta(seconds=life_s)
    seen = told(
        counts, base, timing=timing, quiet=quiet, per_minute=per_minute, expires_at=ends, audience=audience, app_hour=9
    )
    never = sum(held.count for held in seen.held.values() if held.until is None)
    assert sum(hour.count for hour in seen.by_hour) + seen.later + never == audience == sum(seen.zones.values())
    assert all(0 < held.count <= audience for held in seen.held.values())
    assert all(sum(hour.zones.values()) == hour.count for hour in seen.by_hour)
    assert all(base - HOUR < hour.at < ends for hour in seen.by_hour)
    assert per_minute is None or all(hour.count <= 60 * per_minute + 1 for hour in seen.by_hour)


@settings(max_examples=100, deadline=None)
@given(base=MOMENTS, counts=st.dictionaries(KEYS, st.integers(1, 3_000), min_size=1, max_size=4))
def test_no_hour_is_within_anybodys_night(base: datetime, counts: dict[PlaceKey, int]):
    """A zone that is known stands in no hour of which all is night there, at any rate."""
    seen = told(counts, base, per_minute=7)
    for hour in seen.by_hour:
        for name in hour.zones.keys() - {"unknown", "US", "DE"}:
            walls = [(hour.at + minutes * timedelta(minutes=1)).astimezone(ZoneInfo(name)).hour for minutes in (0, 59)]
            assert any(9 <= wall < 21 for wall in walls), (name, hour)
