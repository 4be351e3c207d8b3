"""Series of messages by an RFC 5545 rule."""

import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model.errors import Invalid
from gateway.model.schedule import Recurring, Timing
from gateway.policy.recurrence import check_rule, next_occurrence
from gateway.policy.series import Step, begins_at, step_of

BERLIN = ZoneInfo("Europe/Berlin")


def series(rule: str, start: str = "2026-03-20T09:00", *, zone: str = "Europe/Berlin", **more: object) -> Recurring:
    """A series from this hour on the wall."""
    starts_at = datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    return msgspec.structs.replace(Recurring(rule=rule, timezone=zone, starts_at=starts_at), **more)


def walls(of: Recurring, n: int) -> list[str]:
    """The first so many, by the clock on the wall."""
    found: list[str] = []
    after = of.starts_at - timedelta(seconds=1)
    for _ in range(n):
        moment = next_occurrence(of, after=after)
        if moment is None:
            break
        found.append(moment.astimezone(ZoneInfo(of.timezone)).strftime("%a %Y-%m-%d %H:%M"))
        after = moment
    return found


def test_every_friday_at_nine_stays_nine_when_clocks_change() -> None:
    """The wall decides, not the seconds since the last one."""
    assert walls(series("FREQ=WEEKLY;BYDAY=FR"), 3) == [
        "Fri 2026-03-20 09:00", "Fri 2026-03-27 09:00", "Fri 2026-04-03 09:00",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("zone", "start", "expected"),
    [
        ("Europe/Berlin", "2026-03-28T02:30", ["Sat 2026-03-28 02:30", "Sun 2026-03-29 03:00", "Mon 2026-03-30 02:30"]),
        (
            "America/New_York",
            "2026-03-07T02:30",
            ["Sat 2026-03-07 02:30", "Sun 2026-03-08 03:00", "Mon 2026-03-09 02:30"],
        ),
        (
            "Australia/Lord_Howe",
            "2026-10-03T02:15",
            ["Sat 2026-10-03 02:15", "Sun 2026-10-04 02:30", "Mon 2026-10-05 02:15"],
        ),
        (
            "Africa/Casablanca",
            "2026-03-21T02:30",
            ["Sat 2026-03-21 02:30", "Sun 2026-03-22 03:00", "Mon 2026-03-23 02:30"],
        ),
        ("Europe/Berlin", "2026-10-24T02:30", ["Sat 2026-10-24 02:30", "Sun 2026-10-25 02:30", "Mon 2026-10-26 02:30"]),
    ],
)
def test_a_series_at_an_hour_that_a_night_leaves_out_or_repeats(zone: str, start: str, expected: list[str]) -> None:
    """Once a day all the same: at the first moment after the gap, or the first of two equal hours."""
    assert walls(series("FREQ=DAILY", start, zone=zone), 3) == expected


def test_the_last_working_day_of_the_month_but_not_at_christmas() -> None:
    """What people want of rules; days may be left out."""
    rule = "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1"

    assert walls(series(rule, "2026-10-01T18:30", excluded=("2026-11-30",)), 2) == [
        "Fri 2026-10-30 18:30", "Thu 2026-12-31 18:30",
    ]  # fmt: skip


def test_a_series_ends_by_count_until_or_end() -> None:
    """Whichever comes first; UNTIL counts its own day."""
    ends = datetime(2026, 3, 24, tzinfo=UTC)

    assert len(walls(series("FREQ=DAILY;COUNT=3"), 9)) == 3
    assert len(walls(series("FREQ=DAILY;UNTIL=20260323"), 9)) == 4
    assert len(walls(series("FREQ=DAILY;UNTIL=20260323T070000Z"), 9)) == 3
    assert len(walls(series("FREQ=DAILY", ends_at=ends), 9)) == 4
    assert next_occurrence(series("FREQ=DAILY"), after=datetime(2040, 1, 1, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    "rule",
    [
        "", "FREQ=SECONDLY", "FREQ=MINUTELY", "FREQ=DAILY;BYSECOND=1", "BYDAY=FR", "FREQ=WEEKLY;BYDAY=XX", "every day",
        "FREQ=DAILY;FREQ=DAILY", "FREQ=DAILY\nRRULE:FREQ=DAILY", "FREQ=DAILY;INTERVAL=0", "FREQ=DAILY;COUNT=-1",
        "FREQ=DAILY;UNTIL=20261399", "FREQ=DAILY;BYMINUTE=0,1,2,3,4", "FREQ=DAILY;X=1", "FREQ=DAILY;" + "A" * 500,
        "FREQ=MONTHLY;BYMONTHDAY=99", "FREQ=DAILY;BYHOUR=77", "FREQ=DAILY;INTERVAL=99999",
    ],
)  # fmt: skip
def test_a_rule_that_is_none_is_refused(rule: str) -> None:
    """With the path of the field, whatever it holds."""
    with pytest.raises(Invalid) as refusal:
        check_rule(series(rule), param="schedule.recurring.rule")
    assert refusal.value.param == "schedule.recurring.rule"


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;INTERVAL=7;BYDAY=SA",
        "FREQ=MONTHLY;BYDAY=6MO",
        "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=30",
        "FREQ=HOURLY;BYMINUTE=1,2,2;BYSETPOS=" + ",".join(map(str, range(3, 34))),
        "FREQ=HOURLY;BYSETPOS=-2",
    ],
)
def test_a_rule_that_never_comes_true_is_refused_quickly(rule: str) -> None:
    """The thirtieth of February is not looked for until the year 9999."""
    began = time.process_time()
    with pytest.raises(Invalid, match="never"):
        check_rule(series(rule), param="schedule.recurring.rule")
    assert time.process_time() - began < 2.0


def test_what_an_outage_left_behind_is_passed_over_at_once() -> None:
    """After a month without a planner an hourly series goes on with its next hour; the search costs no more for it."""
    hourly = series("FREQ=HOURLY", "2026-06-01T09:00")
    timing = Timing(recurring=msgspec.structs.replace(hourly, next_at=hourly.starts_at))
    began = time.process_time()
    step = step_of(timing, now=hourly.starts_at + timedelta(days=30, minutes=30))
    assert step == Step(None, hourly.starts_at + timedelta(days=30))
    assert time.process_time() - began < 0.5


def test_an_outage_of_a_series_at_local_hours_ends_with_the_day_that_is_still_to_come() -> None:
    """Its day begins in the east, hours before its own moment: a day that has begun an hour ago is not missed."""
    daily = series("FREQ=DAILY", "2026-06-01T09:00")
    timing = Timing(local_time="09:00", recurring=msgspec.structs.replace(daily, next_at=daily.starts_at))
    begun = begins_at(timing, daily.starts_at + timedelta(days=5))
    assert step_of(timing, now=begun + timedelta(minutes=59)).next_at == daily.starts_at + timedelta(days=5)
    assert step_of(timing, now=begun + timedelta(minutes=61)).next_at == daily.starts_at + timedelta(days=6)


RULES = st.builds(
    lambda freq, interval, days: (
        f"FREQ={freq};INTERVAL={interval}" + (f";BYDAY={','.join(sorted(days))}" if days else "")
    ),
    st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]),
    st.integers(1, 4),
    st.sets(st.sampled_from(["MO", "TU", "FR", "SU"]), max_size=3),
)


@settings(max_examples=100, deadline=None)
@given(
    RULES,
    st.integers(29_454_000, 29_979_600).map(lambda minute: datetime.fromtimestamp(60 * minute, UTC)),
    st.sampled_from(["Europe/Berlin", "Africa/Casablanca"]),
)
def test_occurrences_follow_one_another(rule: str, start: datetime, zone: str) -> None:
    """Each is later than the one before, never before the start, and at its hour (or behind a gap)."""
    found = series(rule, start.replace(tzinfo=None).isoformat(), zone=zone)
    after = found.starts_at - timedelta(seconds=1)
    moments: list[datetime] = []
    for _ in range(8):
        moment = next_occurrence(found, after=after)
        if moment is None:
            break
        moments.append(moment)
        after = moment

    assert all(earlier < later for earlier, later in pairwise(moments))
    assert all(moment >= found.starts_at - timedelta(hours=1) for moment in moments)
