"""Each test against each value that may meet it: the edges, where random people seldom stand."""

import itertools
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

import pytest

from gateway.model import filter as f
from gateway.model.audience import Audience
from gateway.policy.event_facts import latest_of
from gateway.policy.filter_writing import written
from gateway.policy.matching import Described
from gateway.store.database import Database
from tests.policy.crowd import NOW
from tests.policy.filters import CITIES, LANGUAGES, MOMENTS, NUMBERS, PERIODS, WORDS
from tests.store.rows import make_app
from tests.store.test_filters import UndoneError, enrol, fitting, found

VALUES: Final[list[Any]] = [
    *WORDS, *NUMBERS, *MOMENTS, True, False, [], ["x"], ["x", "xy"], [""], "2026-03-01T10:00:00+01:00", "2026-03-01\n",
    "2026-03-01T12:30:15Z", "2026-03-01T12:30:16Z", "2026-02-28T12:30:15Z", "2026-02-28T12:30:14Z",
    0.99, 1.01, -0.0, 10**30,
]  # fmt: skip
DAY_S: Final = 86_400


def _device(**what: Any) -> Described:
    return Described(channel="stub", first_seen=NOW, last_seen=NOW, **what)


def _by_values() -> list[Described]:
    """Somebody for each value, as an attribute, as a tag of the person and of the device; and somebody without."""
    return [
        _device(),
        *(_device(facts={"attributes": {"a": value}}) for value in VALUES),
        *(_device(facts={"tags": {"a": value}}) for value in VALUES[::3]),
        *(_device(attrs={"tags": {"a": value}}) for value in VALUES[::2]),
    ]


def _tests() -> Iterator[f.Test]:
    for value in [*WORDS, *NUMBERS, True, False]:
        yield from (f.Is(value), f.IsNot(value), f.OneOf((value, "nothing")))
    yield f.OneOf((*WORDS, *NUMBERS, True))
    for bound in (*NUMBERS, *MOMENTS):
        yield from (f.Over(bound), f.Under(bound))
    for some in (NUMBERS, MOMENTS):
        ordered = sorted(some)
        yield from (f.Between(low, high) for low, high in itertools.pairwise(ordered))
        yield from (f.Between(one, one) for one in ordered)
    yield from (f.Within(period) for period in PERIODS)
    yield from (f.Starts(word) for word in WORDS if word)
    yield from (f.Has((word,)) for word in WORDS)
    yield f.Has(tuple(WORDS) + tuple(f"w{number}" for number in range(10)))
    yield from (f.Exists(), f.Exists(is_there=False))


def _by_events() -> list[Described]:
    """Somebody for each number of times, each worth, and each age of the last time."""
    people = [_device(), _device(facts={}), _device(facts={"events": {}})]
    for ago_s in (0, 3_599, 3_600, 3_601, DAY_S - 1, DAY_S, DAY_S + 1, 2 * DAY_S, 30 * DAY_S, 31 * DAY_S, 800 * DAY_S):
        for times, worth in ((1, 0), (1, 2.5), (2, 0.5), (5, 1), (10, 0.1), (1, -1)):
            last = int(NOW.timestamp()) - ago_s
            days = {f"{last // DAY_S:05}": [times, round(times * worth, 6)]}
            event = {"n": times, "first": last, "last": last, "sum": round(times * worth, 6), "days": days}
            people += _of_both_versions(event)
    for on_days in ({0: 1, 1: 1, 29: 1}, {0: 2, 30: 3, 31: 4}, {1: 1, 2: 1, 3: 1, 4: 1, 29: 1, 40: 9}, {10: 1, 800: 6}):
        people += _of_both_versions(_on_days(on_days))
    return people


def _of_both_versions(event: dict[str, Any]) -> list[Described]:
    """Somebody with facts as they are written, and somebody with those of a version that kept no order of times."""
    kept = {**event, "latest": latest_of(event["days"])}
    return [_device(facts={"events": {"visit": one}}) for one in (event, kept)]


def _on_days(times_of: dict[int, int]) -> dict[str, Any]:
    """So many times, so many days ago, each worth a quarter."""
    last = int(NOW.timestamp())
    times = sum(times_of.values())
    days = {f"{last // DAY_S - ago:05}": [n, n / 4] for ago, n in times_of.items()}
    return {
        "n": times, "first": last - max(times_of) * DAY_S, "last": last - min(times_of) * DAY_S, "sum": times / 4,
        "days": days,
    }  # fmt: skip


def _event_leaves() -> Iterator[f.Leaf]:
    for within in (None, *PERIODS):
        yield from (f.Done("visit", is_done, within) for is_done in (True, False))
        for bound in (*NUMBERS, 2, 3, 4, 6, 10):
            yield from (
                f.Total("visit", measure, relation, bound, within)
                for measure in ("count", "sum")
                for relation in ("over", "under")
            )


def _by_columns() -> list[Described]:
    at = [NOW - timedelta(days=1) + timedelta(seconds=number) for number in (-1, 0, 1)]
    return [
        *(_device(city=city, region=city) for city in CITIES),
        *(_device(locale=language) for language in LANGUAGES),
        *(_device(facts={"language": language}, platform=2, country="NL", user="u") for language in LANGUAGES),
        *(Described(channel="other", first_seen=one, last_seen=NOW) for one in at),
        *(Described(channel="other", first_seen=NOW, last_seen=one) for one in at),
    ]


def _column_leaves() -> Iterator[f.Leaf]:
    for column in ("city", "region", "language", "country"):
        for word in (*CITIES, *LANGUAGES, "NL", "ÚTRECHT"):
            yield from (f.Fact(f.Known(column), test) for test in (f.Is(word), f.IsNot(word), f.OneOf((word, "x"))))
            yield f.Fact(f.Known(column), f.Starts(word or "U"))
        yield from (f.Fact(f.Known(column), f.Exists(is_there=is_there)) for is_there in (True, False))
    for column in ("first_seen", "last_seen"):
        for test in (
            f.Within("P1D"),
            f.Over("2026-02-28T12:30:15Z"),
            f.Under("2026-02-28T12:30:15Z"),
            f.Over("2026-02-27"),
        ):
            yield f.Fact(f.Known(column), test)
    for word in ("chrome_android", "other", "nokia"):
        yield from (f.Fact(f.Known("platform"), test) for test in (f.Is(word), f.IsNot(word), f.OneOf((word, "opera"))))
    yield from (
        f.Fact(f.Known("channel"), test) for test in (f.Is("stub"), f.IsNot("stub"), f.OneOf(("stub", "other")))
    )
    yield from (f.Fact(f.Known("user"), f.Exists(is_there=is_there)) for is_there in (True, False))


CASES: Final[dict[str, tuple[list[Described], list[f.Leaf]]]] = {
    "values": (
        _by_values(),
        [f.Fact(subject, test) for subject in (f.Attribute("a"), f.Tag("a")) for test in _tests()],
    ),
    "events": (_by_events(), list(_event_leaves())),
    "columns": (_by_columns(), list(_column_leaves())),
}


@pytest.mark.parametrize("case", CASES)
async def test_each_condition_has_the_same_edges_in_the_database(db: Database, case: str):
    """Those on the edge, one to each side of it, those without, and those with something else."""
    people, leaves = CASES[case]
    with pytest.raises(UndoneError):
        async with db.transaction() as tx:
            app = await make_app(tx)
            await enrol(tx, app, people)
            for leaf in leaves:
                assert await found(tx, app, Audience(where=leaf)) == fitting(leaf, people), written(leaf)
            raise UndoneError
