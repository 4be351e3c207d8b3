"""What the devices of one stretch of a bucket got lately: the store's packed outcomes, looked up by group.

A row is one settled group: a message, a moment, the ids that were reached. Eight bytes a recipient, and a look-up of
500 of them by set arithmetic. Who was reached alone is found by the id, and takes 500 bytes.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from gateway.policy.caps import Seen

_REACHED_FROM: Final = 10
_REACHED_BELOW: Final = 20
"""Codes of those whom a push service took the message for (`model.delivery.Code`)."""

RowKey = tuple[int, int, int]
"""(message, first id, attempt)."""


class Reached(msgspec.Struct, frozen=True, gc=False):
    """Those of one settled group whom the message reached, in id order."""

    seen: Seen
    ids: "array[int]"


def reached(ids: Sequence[int], codes: bytes, *, within: tuple[int, int]) -> "array[int]":
    """Those of the ids, from the first to the last of `within`, whose code says that a push service took the message.

    `ids` are in order.
    """
    start, end = bisect_left(ids, within[0]), bisect_right(ids, within[1])
    if end - start < len(ids):
        ids, codes = ids[start:end], codes[start:end]
    if not codes.translate(None, delete=_REACHED_CODES):
        return array("q", ids)
    return array("q", [one for one, code in zip(ids, codes, strict=True) if _REACHED_FROM <= code < _REACHED_BELOW])


_REACHED_CODES: Final = bytes(range(_REACHED_FROM, _REACHED_BELOW))


class Recent:
    """The rows of one stretch."""

    def __init__(self) -> None:
        self._groups: dict[RowKey, Reached] = {}
        self._singles: dict[int, dict[RowKey, Seen]] = {}
        self._ids = 0

    def __len__(self) -> int:
        """How many ids it holds, of however many messages."""
        return self._ids

    def add(self, key: RowKey, seen: Seen, ids: "array[int]") -> None:
        """Takes a row in; one that is there already is replaced."""
        if len(ids) == 1:
            of_one = self._singles.setdefault(ids[0], {})
            self._ids += key not in of_one
            of_one[key] = seen
        elif ids:
            before = self._groups.get(key)
            self._ids += len(ids) - (len(before.ids) if before else 0)
            self._groups[key] = Reached(seen, ids)

    def forget_before(self, moment_s: float) -> None:
        """Drops what no window reaches back to."""
        self._groups = {key: row for key, row in self._groups.items() if row.seen.at_s > moment_s}
        kept = {one: {k: s for k, s in of_one.items() if s.at_s > moment_s} for one, of_one in self._singles.items()}
        self._singles = {one: of_one for one, of_one in kept.items() if of_one}
        self._ids = sum(len(row.ids) for row in self._groups.values()) + sum(map(len, self._singles.values()))

    def of(self, ids: Iterable[int], *, besides: int) -> Mapping[int, tuple[Seen, ...]]:
        """What each of these got, but for the message `besides`; who got nothing is not in the answer."""
        asked = frozenset(ids)
        if not asked:
            return {}
        lo, hi = min(asked), max(asked)
        found: dict[int, tuple[Seen, ...]] = {}
        for row in self._groups.values():
            if row.ids[0] <= hi and row.ids[-1] >= lo and row.seen.message_id != besides:
                mine = (row.seen,)
                for one in asked.intersection(row.ids):
                    found[one] = found[one] + mine if one in found else mine
        for one in asked & self._singles.keys() if self._singles else ():
            others = tuple(seen for seen in self._singles[one].values() if seen.message_id != besides)
            if others:
                found[one] = found.get(one, ()) + others
        return found
