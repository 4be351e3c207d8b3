"""Entering and leaving: a device on the edge does neither all day."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.place import Area, Fence, Near, Position
from gateway.policy.fences import crossing_of

MADE = datetime(2026, 12, 1, tzinfo=UTC)
STORE = Fence(id=1, slug="store", near=Near(lat=52.0, lon=5.0, radius_km=0.5), created_at=MADE)
ZONE = Fence(
    id=2,
    slug="zone",
    within=Area(((((4.99, 51.99), (5.01, 51.99), (5.01, 52.01), (4.99, 52.01), (4.99, 51.99)),),)),
    created_at=MADE,
)
KM_NORTH = 1 / 111.195
"""Degrees."""


def at(km_north: float, *, accuracy_m: float | None = None) -> Position:
    """So far north of the middle of both."""
    return Position(lat=52.0 + km_north * KM_NORTH, lon=5.0, accuracy_m=accuracy_m)


def slugs(fences: tuple[Fence, ...]) -> list[str]:
    return [fence.slug for fence in fences]


def test_a_device_enters_and_leaves() -> None:
    """Once each, and is in it in between."""
    coming = crossing_of([STORE], (), at(0.4))
    staying = crossing_of([STORE], (1,), at(0.2))
    leaving = crossing_of([STORE], (1,), at(2.0))

    assert (slugs(coming.entered), slugs(coming.inside), slugs(coming.left)) == (["store"], ["store"], [])
    assert not staying.is_move
    assert (slugs(leaving.entered), slugs(leaving.inside), slugs(leaving.left)) == ([], [], ["store"])


@pytest.mark.parametrize(
    ("km_north", "is_in_before", "is_in_after"),
    [(0.49, False, True), (0.51, False, False), (0.51, True, True), (0.59, True, True), (0.61, True, False)],
)
def test_who_stands_on_the_edge_stays_where_they_were(
    km_north: float, *, is_in_before: bool, is_in_after: bool
) -> None:
    """A hundred metres lie between entering and leaving."""
    crossing = crossing_of([STORE], (1,) if is_in_before else (), at(km_north))
    assert bool(crossing.inside) is is_in_after


@pytest.mark.parametrize(("km_north", "is_in"), [(1.10, True), (1.18, True), (1.25, False), (40.0, False)])
def test_the_margin_of_an_area_is_measured_to_its_nearest_side(km_north: float, *, is_in: bool) -> None:
    """Its northern side lies 1.11 km from the middle."""
    assert bool(crossing_of([ZONE], (2,), at(km_north)).inside) is is_in
    assert not crossing_of([ZONE], (), at(km_north)).entered or km_north < 1.112


@pytest.mark.parametrize("held", [(), (1,)])
@pytest.mark.parametrize("km_north", [0.0, 30.0])
def test_a_position_vaguer_than_the_geofence_proves_nothing(held: tuple[int, ...], km_north: float) -> None:
    """A phone that knows its cell alone neither enters a shop nor leaves it."""
    assert not crossing_of([STORE], held, at(km_north, accuracy_m=3_000)).is_move


def test_a_deleted_geofence_is_left_in_silence() -> None:
    """Its number on a device means nothing any more."""
    crossing = crossing_of([STORE], (1, 99), at(0.0))
    assert not crossing.is_move
    assert slugs(crossing.inside) == ["store"]


@given(
    path=st.lists(st.tuples(st.floats(-3, 3), st.none() | st.floats(0, 2_000)), max_size=30),
)
def test_entering_and_leaving_take_turns(path: list[tuple[float, float | None]]) -> None:
    """However a device moves, of one geofence it tells entered, left, entered ...; the last one says where it is."""
    held: tuple[int, ...] = ()
    told: dict[int, list[str]] = {1: [], 2: []}
    for km_north, accuracy_m in path:
        crossing = crossing_of([STORE, ZONE], held, at(km_north, accuracy_m=accuracy_m))
        for fence in crossing.entered:
            told[fence.id].append("entered")
        for fence in crossing.left:
            told[fence.id].append("left")
        held = tuple(fence.id for fence in crossing.inside)
    for number, words in told.items():
        assert words == ["entered", "left"] * (len(words) // 2) + ["entered"] * (len(words) % 2)
        assert (number in held) is (len(words) % 2 == 1)
