"""Random filters, as callers may write them: small vocabularies, so that they meet random people."""

from typing import Final, get_args

from hypothesis import strategies as st

from gateway.model import filter as f

NAMES: Final = ["a", "b", 'quote"d', "dotted.name"]
WORDS: Final = ["", "x", "xy", "X", "5", "true", "é", "\U0001f600", "2026-03-01", "2026-03-01T10:00:00Z"]
NUMBERS: Final = [-1, 0, 1, 1.0, 2.5, 5, 0.1, 1e15]
MOMENTS: Final = ["2026-02-28", "2026-03-01", "2026-03-01T00:00:00Z", "2026-03-01T10:00:00Z", "2026-03-02"]
PERIODS: Final = ["P1D", "PT1H", "P30D", "P1M", "P2Y", "P1W", "P40Y"]
COUNTRIES: Final = ["NL", "BE", "US"]
CITIES: Final = ["Utrecht", "Ulm", "ulm", ""]
LANGUAGES: Final = ["nl", "NL-be", "en", "e"]
EVENTS: Final = ["order_placed", "visit", "x"]
TOPICS: Final = ["sale", "news", "nowhere"]

_values = st.sampled_from(WORDS) | st.sampled_from(NUMBERS) | st.booleans()
_words = st.sampled_from(WORDS)
_prefixes = st.sampled_from([word for word in WORDS if word])
_lists = st.lists(_words, min_size=1, max_size=3).map(tuple)


def _pairs(values: list[int | float] | list[str]) -> st.SearchStrategy[f.Test]:
    return st.tuples(st.sampled_from(values), st.sampled_from(values)).map(
        lambda pair: f.Between(*sorted(pair))  # type: ignore[type-var]  # all of one type
    )


_moment_tests: Final = (
    st.builds(f.Over, st.sampled_from(MOMENTS))
    | st.builds(f.Under, st.sampled_from(MOMENTS))
    | _pairs(MOMENTS)
    | st.builds(f.Within, st.sampled_from(PERIODS))
)
_value_tests: Final = (
    st.builds(f.Is, _values)
    | st.builds(f.IsNot, _values)
    | st.builds(f.OneOf, st.lists(_values, min_size=1, max_size=3).map(tuple))
    | st.builds(f.Starts, _prefixes)
    | st.builds(f.Over, st.sampled_from(NUMBERS))
    | st.builds(f.Under, st.sampled_from(NUMBERS))
    | _pairs(NUMBERS)
    | st.builds(f.Has, _lists)
    | st.builds(f.Exists, st.booleans())
    | _moment_tests
)


def _column_facts(column: f.Column, words: list[str]) -> st.SearchStrategy[f.Leaf]:
    values = st.sampled_from(words)
    tests = (
        st.builds(f.Is, values)
        | st.builds(f.IsNot, values)
        | st.builds(f.OneOf, st.lists(values, min_size=1, max_size=3).map(tuple))
    )
    if column not in {"platform", "channel"}:
        tests |= st.builds(f.Exists, st.booleans()) | st.builds(
            f.Starts, values.filter(bool).map(lambda word: word[:2])
        )
    return st.builds(f.Fact, st.just(f.Known(column)), tests)


LEAVES: Final[st.SearchStrategy[f.Leaf]] = st.one_of(
    st.builds(f.Fact, st.builds(f.Tag, st.sampled_from(NAMES)), _value_tests),
    st.builds(f.Fact, st.builds(f.Attribute, st.sampled_from(NAMES)), _value_tests),
    _column_facts("country", COUNTRIES),
    _column_facts("region", ["NL-UT", "BE-VAN"]),
    _column_facts("city", CITIES),
    _column_facts("language", LANGUAGES),
    _column_facts("platform", ["chrome_android", "safari_ios", "other", "opera"]),
    _column_facts("channel", ["stub", "other"]),
    st.builds(f.Fact, st.sampled_from([f.Known("first_seen"), f.Known("last_seen")]), _moment_tests),
    st.builds(f.Fact, st.just(f.Known("user")), st.builds(f.Exists, st.booleans())),
    st.builds(f.Done, st.sampled_from(EVENTS), is_done=st.booleans(), within=st.none() | st.sampled_from(PERIODS)),
    st.builds(
        f.Total,
        st.sampled_from(EVENTS),
        st.sampled_from(["count", "sum"]),
        st.sampled_from(["over", "under"]),
        st.sampled_from(NUMBERS),
        st.none() | st.sampled_from(PERIODS),
    ),
    st.builds(f.Follows, st.sampled_from(TOPICS)),
)

WHERES: Final[st.SearchStrategy[f.Where]] = st.recursive(
    LEAVES,
    lambda children: st.one_of(
        *(st.builds(group, st.lists(children, min_size=1, max_size=3).map(tuple)) for group in get_args(f.Group))
    ),
    max_leaves=10,
).filter(lambda where: _depth(where) <= 8)


def _depth(where: f.Where) -> int:
    return 1 + max(map(_depth, where.terms)) if isinstance(where, f.All | f.AnyOf | f.NoneOf) else 0
