"""When somebody may be reached again."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model.quiet_hours import CountryHours, Night, QuietHours, night_of, own_hours
from gateway.policy.quiet_hours import next_open
from gateway.policy.zones import UNKNOWN, Place, place_of, zones_of_country

NIGHT = Night(21 * 60, 9 * 60, weekends=False, holidays_of=None)
ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Asia/Kathmandu",
    "Pacific/Apia",
)


def at(text: str, zone: str) -> datetime:
    """A moment by the clock on the wall."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def opened(text: str, zone: str, night: Night = NIGHT, *, country: str | None = None) -> str:
    """The hour on the wall when somebody may be reached."""
    found = next_open(at(text, zone), Place((zone,), country), night)
    return found.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M %z")


MOMENTS = st.integers(1_735_689_600, 1_861_920_000).map(lambda at_s: datetime.fromtimestamp(at_s, UTC))
NIGHTS = st.builds(
    Night,
    st.integers(0, 24 * 60 - 1),
    st.integers(0, 24 * 60 - 1),
    weekends=st.booleans(),
    holidays_of=st.sampled_from([None, "NL", "US"]),
)
PLACES = st.builds(lambda zones: Place(tuple(zones)), st.lists(st.sampled_from(ZONES), min_size=1, max_size=3))


def is_night(moment: datetime, zone: str, night: Night) -> bool:
    """The plainest words for it, to compare with."""
    wall = moment.astimezone(ZoneInfo(zone))
    minute = wall.hour * 60 + wall.minute
    if night.weekends and wall.weekday() in {5, 6}:
        return True
    if night.begins_min <= night.ends_min:
        return night.begins_min <= minute < night.ends_min
    return minute >= night.begins_min or minute < night.ends_min


@settings(max_examples=300, deadline=None)
@given(MOMENTS, PLACES, NIGHTS)
def test_nobody_is_woken(now: datetime, place: Place, night: Night) -> None:
    """The answer is never before now, and asking again of the answer changes nothing; it is nobody's night."""
    found = next_open(now, place, night)

    assert found >= now
    assert next_open(found, place, night) == found
    assert not is_night(found, place.zones[0], night)


@settings(max_examples=300, deadline=None)
@given(MOMENTS, st.sampled_from(ZONES), NIGHTS)
def test_a_night_ends_as_soon_as_it_may(now: datetime, zone: str, night: Night) -> None:
    """A minute before the answer it is still quiet, unless the answer is now."""
    found = next_open(now, Place((zone,)), Night(night.begins_min, night.ends_min, night.weekends, None))
    before = found - timedelta(minutes=1)

    assert found == now or before < now or is_night(before, zone, night)


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2026-03-28T23:30", "Europe/Berlin", "2026-03-29 09:00 +0200"),
        ("2026-10-24T23:30", "Europe/Berlin", "2026-10-25 09:00 +0100"),
        ("2026-03-07T22:00", "America/New_York", "2026-03-08 09:00 -0400"),
        ("2026-10-31T22:00", "America/New_York", "2026-11-01 09:00 -0500"),
        ("2026-10-03T22:00", "Australia/Lord_Howe", "2026-10-04 09:00 +1100"),
        ("2026-04-04T22:00", "Australia/Lord_Howe", "2026-04-05 09:00 +1030"),
        ("2026-02-14T22:00", "Africa/Casablanca", "2026-02-15 09:00 +0000"),
        ("2026-03-21T22:00", "Africa/Casablanca", "2026-03-22 09:00 +0100"),
    ],
)
def test_a_night_of_clock_change_ends_at_the_hour_on_the_wall(text: str, zone: str, expected: str) -> None:
    """Whether the night is an hour shorter, half an hour longer or just as long: it ends at nine."""
    assert opened(text, zone) == expected


@pytest.mark.parametrize(
    ("zone", "before", "ends_min", "expected"),
    [
        ("Europe/Berlin", "2026-03-29T01:30", 150, "2026-03-29 03:00 +0200"),
        ("America/New_York", "2026-03-08T01:30", 150, "2026-03-08 03:00 -0400"),
        ("Australia/Lord_Howe", "2026-10-04T01:30", 135, "2026-10-04 02:30 +1100"),
        ("Africa/Casablanca", "2026-03-22T01:30", 150, "2026-03-22 03:00 +0100"),
        ("Europe/Berlin", "2026-10-25T01:30", 150, "2026-10-25 02:30 +0200"),
    ],
)
def test_a_night_may_end_at_an_hour_that_does_not_exist(zone: str, before: str, ends_min: int, expected: str) -> None:
    """Then it ends at the first moment after the gap; of an hour that comes twice, at the first."""
    assert opened(before, zone, Night(21 * 60, ends_min, weekends=False, holidays_of=None)) == expected


def test_the_second_of_two_equal_hours_is_night_as_well() -> None:
    """Who is in the night's last hour for the second time waits until its second end."""
    second = datetime(2026, 10, 25, 2, 10, tzinfo=ZoneInfo("Europe/Berlin"), fold=1).astimezone(UTC)

    found = next_open(second, Place(("Europe/Berlin",)), Night(21 * 60, 150, weekends=False, holidays_of=None))

    assert found == second + timedelta(minutes=20)


def test_weekends_and_holidays_are_quiet_as_a_whole() -> None:
    """From Friday night to Monday morning; Whit Monday is quiet in the Netherlands and not in America."""
    weekend = Night(21 * 60, 9 * 60, weekends=True, holidays_of=None)
    dutch = Night(21 * 60, 9 * 60, weekends=True, holidays_of="NL")

    assert opened("2026-05-22T22:00", "Europe/Amsterdam", weekend) == "2026-05-25 09:00 +0200"
    assert opened("2026-05-22T22:00", "Europe/Amsterdam", dutch) == "2026-05-26 09:00 +0200"
    assert opened("2026-05-23T12:00", "Europe/Amsterdam") == "2026-05-23 12:00 +0200"


def test_a_country_of_many_zones_is_asleep_while_any_of_it_is() -> None:
    """Of an American whose zone is not known: nothing before nine in Hawaii, nothing after nine in New York."""
    place = place_of(timezone=None, country="US")
    morning = at("2026-06-01T09:30", "America/New_York")

    found = next_open(morning, place, NIGHT)

    assert found == at("2026-06-01T09:00", "Pacific/Honolulu")
    for zone in zones_of_country("US"):
        assert not is_night(found, zone, NIGHT)


def test_of_zones_right_round_the_world_the_first_decides() -> None:
    """There is no moment when nobody there sleeps; it does not take for ever to find that out."""
    place = Place(("Europe/Berlin", "Asia/Tokyo", "America/Denver"))
    night = Night(12 * 60, 10 * 60, weekends=False, holidays_of=None)

    assert next_open(at("2026-06-01T20:00", "Europe/Berlin"), place, night) == at("2026-06-02T10:00", "Europe/Berlin")


def test_of_whom_nothing_is_known_nobody_is_held() -> None:
    """No zone, no country, no zone of the app: there is no night to respect."""
    now = at("2026-06-01T23:00", "Europe/Berlin")

    assert next_open(now, UNKNOWN, NIGHT) == now
    assert next_open(now, Place(("Europe/Berlin",)), None) == now


def test_ones_own_hours_stand_above_the_countrys_and_those_above_the_apps() -> None:
    """A person's choice, else what the app says for their country, else what it says for all."""
    quiet = QuietHours(countries={"FR": CountryHours(begins="20:00", weekends=True)})

    assert night_of(quiet, country="NL") == Night(1260, 540, weekends=False, holidays_of=None)
    assert night_of(quiet, country="FR") == Night(1200, 540, weekends=True, holidays_of=None)
    assert night_of(quiet, country="FR", own=QuietHours(begins="23:00", ends="06:00")) == Night(1380, 360, False, None)
    assert night_of(None, country="FR") is None
    assert night_of(None, country="FR", own=QuietHours()) is not None


def test_own_hours_that_cannot_be_read_are_none() -> None:
    """Whatever was kept of a person, sending goes on."""
    assert own_hours({"from": "22:00", "to": "07:00"}) == QuietHours(begins="22:00", ends="07:00")
    for odd in (None, {}, {"from": "25:00"}, [], "night", {"until": 1}):
        assert own_hours(odd) is None


def test_where_somebody_is_is_known_by_the_device_first() -> None:
    """Device, person, connection, then every zone of the country, then the app's."""
    facts = {"timezone": "Europe/Madrid", "country": "ES"}

    assert place_of(timezone="Europe/Paris", country="FR", facts=facts).zones == ("Europe/Paris",)
    assert place_of(timezone="Mars/Base", country=None, facts=facts) == Place(("Europe/Madrid",), "ES")
    assert place_of(timezone=None, country=None, geo_timezone="Asia/Tokyo").zones == ("Asia/Tokyo",)
    assert len(place_of(timezone=None, country="us", app_timezone="Europe/Berlin").zones) > 20
    assert place_of(timezone=None, country=None, app_timezone="Europe/Berlin") == Place(("Europe/Berlin",), "DE")
    assert place_of(timezone=None, country="XX", app_timezone=None) == Place((), "XX")
