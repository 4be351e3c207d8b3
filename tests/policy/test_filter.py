"""Filters as they are written: read, refused with the path of the fault, and written back."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model import filter as f
from gateway.model.audience import Audience
from gateway.model.errors import Invalid
from gateway.model.limits import FILTER_CONDITIONS_MAX, FILTER_DEPTH_MAX
from gateway.policy.filter_reading import TESTS_OF, read_where
from gateway.policy.filter_writing import written
from tests.house.tree import ROOT
from tests.policy.filters import WHERES

MEANINGS: list[tuple[dict[str, Any], f.Where]] = [
    ({"tag": "plan", "is": "gold"}, f.Fact(f.Tag("plan"), f.Is("gold"))),
    ({"tag": "plan", "not": True}, f.Fact(f.Tag("plan"), f.IsNot(value=True))),
    ({"attribute": "spent", "over": 100}, f.Fact(f.Attribute("spent"), f.Over(100))),
    ({"attribute": "born", "before": "2000-01-01"}, f.Fact(f.Attribute("born"), f.Under("2000-01-01"))),
    (
        {"attribute": "trial_end", "is": "2026-12-01T09:00:00.25+01:00"},
        f.Fact(f.Attribute("trial_end"), f.Is("2026-12-01T08:00:00Z")),
    ),
    ({"tag": "sizes", "has_any": ["M", "L"]}, f.Fact(f.Tag("sizes"), f.Has(("M", "L")))),
    ({"country": "NL"}, f.Fact(f.Known("country"), f.Is("NL"))),
    ({"country": ["NL", "BE"]}, f.Fact(f.Known("country"), f.OneOf(("NL", "BE")))),
    ({"city": {"starts": "Utr"}}, f.Fact(f.Known("city"), f.Starts("Utr"))),
    ({"last_seen": {"within": "P30D"}}, f.Fact(f.Known("last_seen"), f.Within("P30D"))),
    ({"user": {"exists": True}}, f.Fact(f.Known("user"), f.Exists())),
    ({"event": "order_placed", "done": True}, f.Done("order_placed")),
    ({"event": "order_placed", "none": True, "within": "P7D"}, f.Done("order_placed", is_done=False, within="P7D")),
    ({"event": "order_placed", "none_within": "P30D"}, f.Done("order_placed", is_done=False, within="P30D")),
    ({"event": "visit", "count": {"over": 2}, "within": "P1M"}, f.Total("visit", "count", "over", 2, "P1M")),
    ({"orders": {"under": 2}}, f.Total("order_placed", "count", "under", 2)),
    ({"spent": {"over": 99.5}, "within": "P1Y"}, f.Total("order_placed", "sum", "over", 99.5, "P1Y")),
    ({"topic": "sale"}, f.Follows("sale")),
    ({"none": [{"segment": "regulars"}]}, f.NoneOf((f.InSegment("regulars"),))),
]


@pytest.mark.parametrize(("said", "meant"), MEANINGS)
def test_a_condition_means_what_it_says(said: dict[str, Any], meant: f.Where):
    """Each of the forms that the reference lists."""
    assert read_where(said, "where") == meant


def test_the_reference_names_every_condition_and_operator():
    """What can be written can be looked up."""
    page = (ROOT / "docs" / "reference" / "filters.md").read_text(encoding="utf-8")

    assert [name for name in TESTS_OF if f'{{"{name}":' not in page] == []
    assert [name for names in TESTS_OF.values() for name in names if f"`{name}`" not in page] == []


def nested(depth: int) -> dict[str, Any]:
    """A filter so many groups deep."""
    return {"all": [nested(depth - 1)]} if depth else {"tag": "a", "is": 1}


FAULTS: list[tuple[Any, str]] = [
    ("all", ""),
    ({}, ""),
    ({"all": []}, ".all"),
    ({"all": {"tag": "a", "is": 1}}, ".all"),
    ({"all": [{"tag": "a", "is": 1}], "any": [{"tag": "b", "is": 1}]}, ".any"),
    ({"colour": "red"}, ".colour"),
    ({"all": [{"tag": "a", "is": 1}, {"attribute": "spent", "over": "much"}]}, ".all[1].over"),
    ({"any": [{"none": [{"tag": "a", "like": "b"}]}]}, ".any[0].none[0].like"),
    ({"tag": "a"}, ""),
    ({"tag": 5, "is": 1}, ".tag"),
    ({"tag": "", "is": 1}, ".tag"),
    ({"tag": "a", "attribute": "b", "is": 1}, ".attribute"),
    ({"tag": "a", "over": 1, "under": 9}, ".under"),
    ({"tag": "a", "is": None}, ".is"),
    ({"tag": "a", "is": "x" * 1025}, ".is"),
    ({"tag": "a", "is": "nul\x00"}, ".is"),
    ({"tag": "a", "is": 1e300}, ".is"),
    ({"tag": "a", "in": []}, ".in"),
    ({"tag": "a", "in": ["x"] * 101}, ".in"),
    ({"tag": "a", "in": ["x", ["y"]]}, ".in[1]"),
    ({"tag": "a", "starts": ""}, ".starts"),
    ({"tag": "a", "over": True}, ".over"),
    ({"tag": "a", "between": [5, 1]}, ".between"),
    ({"tag": "a", "between": [1, "2026-01-01"]}, ".between"),
    ({"tag": "a", "between": [1]}, ".between"),
    ({"tag": "a", "after": 5}, ".after"),
    ({"tag": "a", "before": "2026-02-30"}, ".before"),
    ({"tag": "a", "within": "30 days"}, ".within"),
    ({"tag": "a", "within": "P0D"}, ".within"),
    ({"tag": "a", "within": "P101Y"}, ".within"),
    ({"tag": "a", "has": 5}, ".has"),
    ({"tag": "a", "exists": "yes"}, ".exists"),
    ({"country": {"over": 5}}, ".country.over"),
    ({"country": {"is": 5}}, ".country.is"),
    ({"country": {"in": ["NL", 5]}}, ".country.in"),
    ({"country": 5}, ".country"),
    ({"country": "nl"}, ".country.is"),
    ({"country": ["NL", "Belgium"]}, ".country.in[1]"),
    ({"platform": "netscape"}, ".platform.is"),
    ({"platform": {"not": "Safari"}}, ".platform.not"),
    ({"tag": "a", "is": None}, ".is"),
    ({"country": "NL", "is": "BE"}, ".is"),
    ({"first_seen": {"over": 5}}, ".first_seen.over"),
    ({"last_seen": {"is": "2026-01-01"}}, ".last_seen.is"),
    ({"user": {"is": "u"}}, ".user.is"),
    ({"event": "x"}, ""),
    ({"event": "x", "done": "yes"}, ".done"),
    ({"event": "x", "done": True, "none": True}, ".none"),
    ({"event": "x", "done_within": "P1D", "within": "P1D"}, ".within"),
    ({"event": "x", "count": 5}, ".count"),
    ({"event": "x", "count": {}}, ".count"),
    ({"event": "x", "count": {"over": 1, "under": 2}}, ".count"),
    ({"event": "x", "count": {"is": 1}}, ".count.is"),
    ({"event": "x", "count": {"over": "1"}}, ".count.over"),
    ({"event": "x", "count": {"over": 1}, "within": "P1Q"}, ".within"),
    ({"spent": {"over": 1}, "event": "x"}, ".spent"),
    ({"topic": "No Such"}, ".topic"),
    ({"segment": "s", "is": 1}, ".is"),
    (nested(FILTER_DEPTH_MAX + 1), ".all[0]" * FILTER_DEPTH_MAX + ".all"),
    ({"any": [{"tag": "a", "is": 1}] * (FILTER_CONDITIONS_MAX + 1)}, ".any"),
    ({"any": [{"any": [{"tag": "a", "is": 1}] * 51}] * 2}, ".any[1].any[49]"),
]


@pytest.mark.parametrize(("said", "path"), FAULTS)
def test_a_fault_is_told_with_its_path(said: Any, path: str):
    """Whoever wrote a filter of fifty lines is shown the line."""
    with pytest.raises(Invalid) as refused:
        read_where(said, "audience.where")

    assert refused.value.param == "audience.where" + path
    assert refused.value.status == 422


def test_the_largest_filters_are_read():
    """The bounds themselves are within bounds."""
    assert read_where(nested(FILTER_DEPTH_MAX), "where")
    assert len(list(f.leaves(read_where({"any": [{"tag": "a", "is": 1}] * FILTER_CONDITIONS_MAX}, "where")))) == 100


@given(where=WHERES)
def test_a_filter_is_written_as_it_is_read(where: f.Where):
    """What is kept of a filter reads as the same filter, whatever it says."""
    assert read_where(written(where), "where") == where
    audience = Audience(where=where)
    assert msgspec.convert(msgspec.to_builtins(audience), Audience) == audience


@given(said=st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8)
    | st.sampled_from(["tag", "P1D", "2026-01-01"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.text(max_size=3) | st.sampled_from([
            "all", "any", "none", "tag", "attribute", "is", "in", "between", "within", "event", "count", "over", "near",
            "lat", "lon", "radius_km", "inside", "type", "coordinates", "country", "user", "exists", "topic",
        ]),
        inner, max_size=4,
    ),
    max_leaves=30,
))  # fmt: skip
def test_no_json_at_all_breaks_the_reader(said: Any):
    """It is a filter, or a refusal with a path."""
    path = None
    try:
        where = read_where(said, "where")
    except Invalid as refused:
        path = refused.param
        where = None

    assert str(path).startswith("where") if where is None else read_where(written(where), "where") == where
