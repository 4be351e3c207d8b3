"""Ids and buckets. What is pinned here is stored in every key of every installation: it can never change."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.ids import (
    bucket_of_id,
    bucket_of_message,
    bucket_of_text,
    buckets_of_app,
    from_text,
    ids_of_stretch,
    new_id,
    new_message_id,
    stretch_of,
    to_text,
)

NUMBERS = st.integers(0, 2**62 - 1)
SPREADS = [1 << power for power in range(11)]


@given(number=NUMBERS)
def test_an_id_reads_back_as_it_was_written(number: int):
    """What a shop stores as text leads back to the same row."""
    text = to_text("sub", number)

    assert from_text("sub", text) == number
    assert len(text) == len("sub_") + 13
    assert from_text("msg", text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sub",
        "sub_",
        "sub_000000000000",
        "sub_00000000000000",
        "SUB_0000000000000",
        "sub_000000000000O",
        "sub_000000000000l",
        "sub_000000000000A",
        "sub_zzzzzzzzzzzzz",
        "sub_4000000000000",
        " sub_0000000000000",
        "sub_000000000000\n",
        "sub_０００００００００００００",  # noqa: RUF001 - digits of another script
    ],
)
def test_what_is_no_id_is_refused(text: str):
    """One spelling each: capital letters, look-alikes and numbers beyond 62 bits are no ids."""
    assert from_text("sub", text) is None


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "sub_0000000000000"), (2**61 + 5, "sub_2000000000005"), (2**62 - 1, "sub_3zzzzzzzzzzzz")],
)
def test_the_spelling_of_ids_is_for_ever(number: int, text: str):
    """Shops hold them in their own databases."""
    assert to_text("sub", number) == text


@pytest.mark.parametrize(
    ("home", "spread", "number", "bucket"),
    [
        (7, 1, 2**61 + 5, 7),
        (7, 4, 0x0123456789ABCDEF, 519),
        (1000, 1024, 2**62 - 1, 999),
        (512, 64, 2**61, 512),
        (0, 16, 0x0155555555555555, 320),
    ],
)
def test_the_bucket_of_a_device_is_for_ever(home: int, spread: int, number: int, bucket: int):
    """Rows lie where this formula put them; another one would find none of them."""
    assert bucket_of_id(number, home=home, spread=spread) == bucket


@pytest.mark.parametrize(
    ("key", "buckets"),
    [(b"customer-1", [7, 7, 983]), (b"", [7, 135, 921]), (b"k" * 255, [7, 775, 419])],
)
def test_the_bucket_of_a_text_is_for_ever(key: bytes, buckets: list[int]):
    """The same for people, idempotency keys and address hashes, with a spread of 1, 16 and 1,024."""
    assert [bucket_of_text(key, home=7, spread=spread) for spread in (1, 16, 1024)] == buckets


@given(number=NUMBERS, home=st.integers(0, 1023), spread=st.sampled_from(SPREADS))
def test_every_row_lies_in_a_bucket_of_its_app(number: int, home: int, spread: int):
    """Readers of a whole app look into its buckets and nowhere else."""
    buckets = buckets_of_app(home=home, spread=spread)

    assert len(set(buckets)) == spread
    assert home in buckets
    assert bucket_of_id(number, home=home, spread=spread) in buckets


@given(number=NUMBERS, home=st.integers(0, 1023), power=st.integers(0, 9))
def test_a_growing_app_keeps_its_buckets(number: int, home: int, power: int):
    """Doubling the spread adds buckets between the old ones; half of the rows need not move."""
    before, after = (set(buckets_of_app(home=home, spread=1 << one)) for one in (power, power + 1))

    assert before < after
    assert bucket_of_id(number, home=home, spread=2 << power) in after


@given(bucket=st.integers(0, 1023))
def test_a_message_is_found_by_its_id_alone(bucket: int):
    """No look-up table: the id says where the row lies."""
    assert bucket_of_message(new_message_id(bucket)) == bucket


def test_new_ids_fill_their_range_and_do_not_repeat():
    """62 random bits: spread over all slices, and never negative in the store."""
    drawn = {new_id() for _ in range(5000)}

    assert len(drawn) == 5000
    assert min(drawn) >= 0
    assert max(drawn) < 2**62
    assert len({number >> 52 for number in drawn}) > 950


@given(NUMBERS, st.sampled_from(SPREADS))
def test_a_stretch_is_a_range_of_ids(number: int, spread: int):
    """What processes take turns in is found from the id, and the store finds what lies in it by a range."""
    stretch = stretch_of(number, spread=spread)
    first, last = ids_of_stretch(stretch, spread=spread)
    assert first <= number <= last
    assert stretch_of(first, spread=spread) == stretch_of(last, spread=spread) == stretch
