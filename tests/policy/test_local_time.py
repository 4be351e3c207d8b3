"""The moment when it is a certain hour where somebody is."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model.schedule import Past
from gateway.policy.best_time import best_hour, best_moment
from gateway.policy.local_time import earliest, local_moment
from gateway.policy.wall_clock import moment_at

ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Pacific/Kiritimati",
    "Pacific/Niue",
)
MOMENTS = st.integers(1_735_689_600, 1_861_920_000).map(lambda at_s: datetime.fromtimestamp(at_s, UTC))


@settings(max_examples=300, deadline=None)
@given(MOMENTS, st.integers(0, 1439), st.sampled_from(ZONES), st.sampled_from(["tomorrow", "now"]))
def test_it_is_the_hour_that_was_asked_for(base: datetime, minutes: int, zone: str, past: Past) -> None:
    """Never before the order but for the grace, within a day and a bit, and the wall shows the hour if it exists."""
    found = local_moment(minutes, ZoneInfo(zone), base=base, past=past)

    assert found is not None
    assert base - timedelta(minutes=5) <= found <= base + timedelta(hours=26)
    if found != base:
        wall = found.astimezone(ZoneInfo(zone))
        assert wall.fold == 0
        shown = wall.hour * 60 + wall.minute
        before = (found - timedelta(minutes=1)).astimezone(ZoneInfo(zone))
        assert shown == minutes or before.utcoffset() != wall.utcoffset()


@settings(max_examples=200, deadline=None)
@given(MOMENTS, st.integers(0, 1439), st.sampled_from(ZONES))
def test_asked_again_by_its_own_answer_nothing_moves(base: datetime, minutes: int, zone: str) -> None:
    """A moment that was reached is not put off to the next day."""
    found = local_moment(minutes, ZoneInfo(zone), base=base)

    assert found is not None
    assert local_moment(minutes, ZoneInfo(zone), base=found, day=found.astimezone(ZoneInfo(zone)).date()) == found


@pytest.mark.parametrize(
    ("zone", "day", "minutes", "expected"),
    [
        ("Europe/Berlin", "2026-03-29", 150, "2026-03-29T01:00:00+00:00"),
        ("Europe/Berlin", "2026-10-25", 150, "2026-10-25T00:30:00+00:00"),
        ("America/New_York", "2026-03-08", 150, "2026-03-08T07:00:00+00:00"),
        ("America/New_York", "2026-11-01", 90, "2026-11-01T05:30:00+00:00"),
        ("Australia/Lord_Howe", "2026-10-04", 135, "2026-10-03T15:30:00+00:00"),
        ("Australia/Lord_Howe", "2026-04-05", 105, "2026-04-04T14:45:00+00:00"),
        ("Africa/Casablanca", "2026-03-22", 150, "2026-03-22T02:00:00+00:00"),
        ("Africa/Casablanca", "2026-02-15", 150, "2026-02-15T01:30:00+00:00"),
    ],
)
def test_clock_changes(zone: str, day: str, minutes: int, expected: str) -> None:
    """An hour that does not exist is the first moment after the gap; of two equal ones it is the first."""
    base = datetime.fromisoformat(expected) - timedelta(hours=6)

    found = local_moment(minutes, ZoneInfo(zone), base=base, day=date.fromisoformat(day))

    assert found == datetime.fromisoformat(expected)


def test_an_hour_that_has_passed_is_tomorrow_now_or_not_at_all() -> None:
    """As the shop says."""
    base = datetime(2026, 6, 1, 12, tzinfo=UTC)
    berlin = ZoneInfo("Europe/Berlin")

    assert local_moment(540, berlin, base=base) == datetime(2026, 6, 2, 7, tzinfo=UTC)
    assert local_moment(540, berlin, base=base, past="now") == base
    assert local_moment(540, berlin, base=base, past="skip") is None
    assert local_moment(540, ZoneInfo("America/New_York"), base=base, past="skip") == datetime(
        2026, 6, 1, 13, tzinfo=UTC
    )


def test_an_hour_that_has_just_struck_is_now() -> None:
    """Planning takes a moment: nobody waits a day for it."""
    base = datetime(2026, 6, 1, 7, 0, 20, tzinfo=UTC)

    assert local_moment(540, ZoneInfo("Europe/Berlin"), base=base) == datetime(2026, 6, 1, 7, tzinfo=UTC)


def test_without_a_zone_it_is_utc() -> None:
    """There has to be some hour."""
    assert local_moment(540, None, base=datetime(2026, 6, 1, 1, tzinfo=UTC)) == datetime(2026, 6, 1, 9, tzinfo=UTC)


@given(st.dates(date(2026, 1, 1), date(2028, 1, 1)), st.integers(0, 1439), st.sampled_from(ZONES))
def test_a_day_begins_nowhere_earlier(day: date, minutes: int, zone: str) -> None:
    """A message that is planned then is too late for nobody."""
    assert earliest(minutes, day) <= moment_at(day, minutes, ZoneInfo(zone))


def test_the_best_hour_is_the_one_with_the_most_visits() -> None:
    """Too few say nothing; the earlier of equals."""
    counts = [0] * 24
    assert best_hour(counts) is None
    counts[20] = 2
    assert best_hour(counts) is None
    counts[7], counts[20] = 3, 3
    assert best_hour(counts) == 7
    counts[20] = 4
    assert best_hour(counts) == 20


@given(MOMENTS, st.integers(0, 23))
def test_the_best_moment_comes_within_a_day(base: datetime, hour: int) -> None:
    """Never before the order; at once where it is that hour."""
    found = best_moment(hour, base=base)

    assert base <= found < base + timedelta(days=1)
    assert found.hour == hour
