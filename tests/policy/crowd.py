"""Random devices and their people, out of the vocabulary of the random filters."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from hypothesis import strategies as st

from gateway.policy.event_facts import latest_of
from gateway.policy.matching import Described
from tests.policy.filters import (
    CITIES,
    COUNTRIES,
    EVENTS,
    LANGUAGES,
    MOMENTS,
    NAMES,
    NUMBERS,
    TOPICS,
    WORDS,
)

NOW: Final = datetime(2026, 3, 1, 12, 30, 15, 500_000, tzinfo=UTC)
_moments: Final = st.sampled_from(
    [NOW - timedelta(**{unit: 1}) for unit in ("seconds", "hours", "days", "weeks")]
    + [datetime.fromisoformat(moment).replace(tzinfo=UTC) for moment in MOMENTS]
    + [NOW - timedelta(days=28), NOW - timedelta(days=731), NOW]
)
_values: Final = (
    st.sampled_from(WORDS)
    | st.sampled_from(MOMENTS)
    | st.sampled_from(["2026-03-01 10:00", "2026-03-01T10:00:00+01:00", "2026-03-01\n", "20260301"])
    | st.sampled_from(NUMBERS)
    | st.sampled_from([2**53 + 1, 10**30, -0.0, 1e-9])
    | st.booleans()
    | st.lists(st.sampled_from(WORDS), max_size=3)
)
_objects: Final = st.dictionaries(st.sampled_from(NAMES), _values, max_size=3)


@st.composite
def _events(draw: st.DrawFn) -> dict[str, Any]:
    """What a person did of one kind: its totals and its days belong together, as they are kept."""
    moments = sorted(draw(st.lists(_moments, min_size=1, max_size=4)))
    worths = [draw(st.sampled_from([0, 1, 0.1, 0.2, 99.95, -5])) for _ in moments]
    days: dict[str, list[Any]] = {}
    for at, worth in zip(moments, worths, strict=True):
        day = days.setdefault(f"{int(at.timestamp()) // 86_400:05}", [0, 0])
        day[0] += 1
        day[1] += worth
    said = {
        "n": len(moments),
        "first": int(moments[0].timestamp()),
        "last": int(moments[-1].timestamp()),
        "sum": sum(worths),
        "days": days,
    }
    return {**said, "latest": latest_of(days)} if draw(st.booleans()) else said  # without: of a former version


_facts: Final = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "attributes": _objects,
        "tags": _objects,
        "language": st.sampled_from(LANGUAGES),
        "events": st.dictionaries(st.sampled_from(EVENTS), _events(), max_size=2),
    },
)

DEVICES: Final[st.SearchStrategy[Described]] = st.builds(
    Described,
    channel=st.sampled_from(["stub", "other"]),
    platform=st.sampled_from([0, 2, 6]),
    locale=st.none() | st.sampled_from(LANGUAGES),
    country=st.none() | st.sampled_from(COUNTRIES),
    region=st.none() | st.sampled_from(["NL-UT", "BE-VAN"]),
    city=st.none() | st.sampled_from(CITIES),
    user=st.none() | st.just("somebody"),
    first_seen=_moments,
    last_seen=_moments,
    topics=st.sets(st.sampled_from(TOPICS[:2])),
    attrs=st.none() | st.builds(lambda tags: {"tags": tags}, _objects),
    facts=_facts,
)
