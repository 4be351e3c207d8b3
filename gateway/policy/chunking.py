"""How an audience is cut into chunks: few enough to be cheap, enough that every core has work."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from gateway.model.ids import ID_BITS, bucket_of_id
from gateway.model.limits import CHUNK_RECIPIENTS_AIM, GROUP_RECIPIENTS_MAX, LIST_CHUNK_RECIPIENTS_MAX

_TOP_SHIFT: Final = ID_BITS - 10


class Range(msgspec.Struct, frozen=True):
    """Ids lo..hi of one bucket, both included, and how many recipients were counted there."""

    bucket: int
    lo: int
    hi: int
    recipients: int


_CHUNKS_AIM: Final = 16
"""A small audience is cut into about so many chunks, so that every core of a few hosts has work from the start."""


def ranges(slices: Sequence[tuple[int, int]], *, home: int, spread: int) -> list[Range]:
    """Cuts (top ten bits, recipients) slices, in order, into ranges of at most `CHUNK_RECIPIENTS_AIM` recipients.

    Together they cover exactly the slices given. A slice is never cut: a bucket holds about 50,000 recipients at most,
    a slice of it a thousandth of the app.
    """
    total = sum(recipients for _, recipients in slices)
    aim = max(GROUP_RECIPIENTS_MAX, min(CHUNK_RECIPIENTS_AIM, total // _CHUNKS_AIM))
    found: list[Range] = []
    open_ranges: dict[int, Range] = {}
    for top_bits, recipients in slices:
        lo = top_bits << _TOP_SHIFT
        hi = lo | ((1 << _TOP_SHIFT) - 1)
        bucket = bucket_of_id(lo, home=home, spread=spread)
        before = open_ranges.get(bucket)
        if before is not None and before.recipients + recipients <= aim:
            open_ranges[bucket] = Range(bucket, before.lo, hi, before.recipients + recipients)
            continue
        if before is not None:
            found.append(before)
        open_ranges[bucket] = Range(bucket, lo, hi, recipients)
    return [*found, *open_ranges.values()]


def lists(by_bucket: Iterable[tuple[int, int]]) -> list[tuple[int, list[int]]]:
    """Gathers (bucket, id) pairs into (bucket, ids in order) of at most `LIST_CHUNK_RECIPIENTS_MAX`."""
    gathered: dict[int, list[int]] = {}
    for bucket, number in by_bucket:
        gathered.setdefault(bucket, []).append(number)
    return [(bucket, part) for bucket, ids in sorted(gathered.items()) for part in _parts(sorted(ids))]


def _parts(ids: Sequence[int]) -> list[list[int]]:
    step = LIST_CHUNK_RECIPIENTS_MAX
    return [list(ids[start : start + step]) for start in range(0, len(ids), step)]
