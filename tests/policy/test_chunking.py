"""Cutting an audience: everybody in exactly one chunk, in the right bucket, in few pieces, none of them huge."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gateway.model.ids import bucket_of_id, buckets_of_app
from gateway.model.limits import CHUNK_RECIPIENTS_AIM, GROUP_RECIPIENTS_MAX, LIST_CHUNK_RECIPIENTS_MAX
from gateway.policy.chunking import Range, lists, ranges

SPREADS = st.sampled_from([1 << power for power in range(11)])
HOMES = st.integers(0, 1023)
SLICES = st.dictionaries(st.integers(0, 1023), st.integers(1, 20_000), max_size=200).map(lambda d: sorted(d.items()))
ID_SHIFT = 52


@given(slices=SLICES, home=HOMES, spread=SPREADS)
def test_every_recipient_lies_in_exactly_one_chunk_of_its_own_bucket(
    slices: list[tuple[int, int]], home: int, spread: int
):
    """Nobody is left out and nobody gets a message twice, however an app is spread."""
    found = ranges(slices, home=home, spread=spread)

    for top_bits, _ in slices:
        for number in (top_bits << ID_SHIFT, (top_bits << ID_SHIFT) | 12345, ((top_bits + 1) << ID_SHIFT) - 1):
            bucket = bucket_of_id(number, home=home, spread=spread)
            assert len([one for one in found if one.bucket == bucket and one.lo <= number <= one.hi]) == 1
    assert {one.bucket for one in found} <= set(buckets_of_app(home=home, spread=spread))


@given(slices=SLICES, home=HOMES, spread=SPREADS)
def test_chunks_of_a_bucket_do_not_overlap_and_hold_what_was_counted(
    slices: list[tuple[int, int]], home: int, spread: int
):
    """The primary key of a chunk is where it begins, and its expectation is a sum of slices."""
    found = ranges(slices, home=home, spread=spread)

    assert sum(one.recipients for one in found) == sum(recipients for _, recipients in slices)
    by_bucket: dict[int, list[Range]] = {}
    for one in found:
        by_bucket.setdefault(one.bucket, []).append(one)
    for parts in by_bucket.values():
        ordered = sorted(parts, key=lambda part: part.lo)
        assert all(before.hi < after.lo for before, after in pairwise(ordered))
    for one in found:
        inside = [
            recipients
            for top_bits, recipients in slices
            if one.lo <= top_bits << ID_SHIFT <= one.hi
            and bucket_of_id(top_bits << ID_SHIFT, home=home, spread=spread) == one.bucket
        ]
        assert sum(inside) == one.recipients


@given(slices=SLICES, home=HOMES, spread=SPREADS)
def test_a_chunk_is_never_above_the_aim_unless_a_single_slice_is(slices: list[tuple[int, int]], home: int, spread: int):
    """A crash repeats little, and every core has work from the start."""
    total = sum(recipients for _, recipients in slices)
    aim = max(GROUP_RECIPIENTS_MAX, min(CHUNK_RECIPIENTS_AIM, total // 16))
    counted = {top_bits << ID_SHIFT: recipients for top_bits, recipients in slices}

    for one in ranges(slices, home=home, spread=spread):
        assert one.recipients <= aim or one.recipients == counted[one.lo]


def test_a_large_audience_makes_few_rows():
    """A million people in 1,024 slices are some 140 chunks, not a row for each slice."""
    found = ranges([(top_bits, 977) for top_bits in range(1024)], home=5, spread=1)

    assert 125 <= len(found) <= 145


def test_a_small_audience_is_still_work_for_several_cores():
    """Ten thousand people in one bucket are not left to a single worker."""
    found = ranges([(top_bits, 10) for top_bits in range(1024)], home=5, spread=1)

    assert 10 <= len(found) <= 24


def test_nobody_makes_no_chunk():
    """An empty audience is no work."""
    assert ranges([], home=0, spread=1) == []
    assert lists([]) == []


@given(
    pairs=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2**62 - 1)), unique=True, max_size=1200),
)
def test_lists_hold_each_named_device_once_in_order(pairs: list[tuple[int, int]]):
    """A list chunk is read by a cursor, so its ids are in order; it is never longer than one group."""
    found = lists(pairs)

    assert sorted((bucket, number) for bucket, ids in found for number in ids) == sorted(pairs)
    assert all(ids == sorted(ids) and 0 < len(ids) <= LIST_CHUNK_RECIPIENTS_MAX for _, ids in found)


def test_many_named_devices_of_one_bucket_are_cut_at_five_hundred():
    """1,200 are three chunks."""
    assert [len(ids) for _, ids in lists([(1, number) for number in range(1200)])] == [500, 500, 200]
