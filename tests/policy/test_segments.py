"""Segments on segments: each comes to an end, within its size."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.audience import Audience, parse_topics
from gateway.model.errors import Invalid
from gateway.model.filter import All, AnyOf, Follows, InSegment, NoneOf, OnList
from gateway.model.limits import SEGMENT_DEPTH_MAX, SEGMENT_PARTS_MAX
from gateway.model.segment import named_lists, named_segments
from gateway.policy.segments import check_change, check_use


def on(*slugs: str) -> Audience:
    """An audience that stands on segments."""
    return Audience(segments=slugs) if slugs else Audience(everybody=True)


def test_names_are_found_wherever_they_stand():
    """By selector, deep in a filter, and in what is excluded; the path leads there."""
    audience = Audience(
        segments=("a",),
        lists=("x",),
        where=All((AnyOf((NoneOf((InSegment("b"),)), OnList("y"))), Follows("t"))),
        exclude=Audience(segments=("c", "a"), lists=("z",), where=InSegment("d")),
    )
    assert named_segments(audience) == {
        "a": "audience.segment",
        "b": "audience.where.all[0].any[0].none[0].segment",
        "c": "audience.exclude.segment",
        "d": "audience.exclude.where.segment",
    }
    assert named_lists(audience) == {
        "x": "audience.lists",
        "y": "audience.where.all[0].any[1].list",
        "z": "audience.exclude.lists",
    }


@pytest.mark.parametrize(
    ("slug", "audience", "circle"),
    [
        ("a", on("a"), "a -> a"),
        ("a", on("b"), "a -> b -> c -> a"),
        ("a", Audience(everybody=True, exclude=on("c")), "a -> c -> a"),
        ("a", Audience(where=NoneOf((InSegment("c"),))), "a -> c -> a"),
    ],
)
def test_a_circle_is_named(slug: str, audience: Audience, circle: str):
    """Whoever closes it is told the way round."""
    held = {"a": on(), "b": on("c"), "c": on("a")}
    with pytest.raises(Invalid, match=circle) as refused:
        check_change(slug, audience, held)
    assert refused.value.code == "segment_cycle"


def test_a_name_that_is_not_there_is_refused():
    """In a segment and in a message alike, with the place where it stands."""
    for check in (lambda: check_change("a", on("ghost"), {}), lambda: check_use(on("ghost"), {})):
        with pytest.raises(Invalid) as refused:
            check()
        assert (refused.value.code, refused.value.param) == ("segment_unknown", "audience.segment")


def test_a_name_inside_a_filter_is_refused_at_its_condition():
    """However deep it stands, and also where it is left out by."""
    where = All((AnyOf((InSegment("there"), NoneOf((InSegment("ghost"),)))),))
    for audience, path in (
        (Audience(where=where), "audience.where.all[0].any[1].none[0].segment"),
        (Audience(everybody=True, exclude=Audience(where=InSegment("ghost"))), "audience.exclude.where.segment"),
    ):
        with pytest.raises(Invalid) as refused:
            check_use(audience, {"there": on()})
        assert refused.value.param == path
    assert named_lists(Audience(where=NoneOf((OnList("vips"),)))) == {"vips": "audience.where.none[0].list"}


def _tower(height: int) -> dict[str, Audience]:
    return {f"s{at}": on(f"s{at - 1}") if at else on() for at in range(height)}


def test_segments_stand_on_one_another_so_deep_and_no_deeper():
    """The bound holds for the one that is changed and for those that stand on it."""
    tower = _tower(SEGMENT_DEPTH_MAX + 1)
    check_change(f"s{SEGMENT_DEPTH_MAX}", tower[f"s{SEGMENT_DEPTH_MAX}"], tower)
    for slug, audience in ((f"s{SEGMENT_DEPTH_MAX + 1}", on(f"s{SEGMENT_DEPTH_MAX}")), ("s0", on("base"))):
        with pytest.raises(Invalid) as refused:
            check_change(slug, audience, {**tower, "base": on()})
        assert refused.value.code == "segment_too_deep"
    with pytest.raises(Invalid):
        check_use(on(f"s{SEGMENT_DEPTH_MAX}"), tower)


def test_all_conditions_together_have_a_bound():
    """Few names may stand for many conditions: they are counted written out."""
    wide = Audience(where=AnyOf(tuple(Follows(f"t{at}") for at in range(100))))
    held = {f"w{at}": wide for at in range(5)}
    fits = SEGMENT_PARTS_MAX // 101
    check_use(on(*(f"w{at}" for at in range(fits))), held)
    with pytest.raises(Invalid, match="conditions"):
        check_use(on(*held), held)


def test_topics_of_an_expression_count():
    """A selector is no way round the bound."""
    wide = Audience(topics=parse_topics(" || ".join(f"t{at}" for at in range(50))))
    held = {f"w{at}": wide for at in range(20)}
    with pytest.raises(Invalid, match="conditions"):
        check_use(on(*held), held)


_graphs = st.dictionaries(
    st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdef"), max_size=3).map(lambda named: on(*set(named)))
)


@given(graph=_graphs)
def test_whatever_is_let_in_ends(graph: Mapping[str, Audience]):
    """However a set of segments came to be, one change after the other: following the names never goes round."""
    held: dict[str, Audience] = {}
    for slug, audience in graph.items():
        try:
            check_change(slug, audience, held)
        except Invalid:
            continue
        held[slug] = audience
    for slug in held:
        check_use(on(slug), held)
        assert slug not in _below(slug, held, steps=len(held) + 1)


def _below(slug: str, held: Mapping[str, Audience], *, steps: int) -> set[str]:
    found: set[str] = set()
    layer = {slug}
    for _ in range(steps):
        layer = {named for one in layer for named in held[one].segments}
        found |= layer
    return found
