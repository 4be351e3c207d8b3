"""May this person get another message now, and if not, when? Windows roll: nothing is forgotten at midnight.

A message counts once for a person, on however many devices it came; from its last arrival on.
"""

from collections.abc import Iterable, Sequence
from enum import IntEnum

import msgspec

from gateway.model.cap import Window
from gateway.model.terms import Category


class Kind(IntEnum):
    """What an outcome counts as. One small number in the store; numbers are for ever."""

    UNKNOWN = 0
    """Counts nowhere: written by a version without caps, or a recall."""
    MARKETING = 1
    TRANSACTIONAL = 2


def kind_of(category: Category) -> Kind:
    """What the messages of a category count as."""
    return Kind.MARKETING if category == "marketing" else Kind.TRANSACTIONAL


class Seen(msgspec.Struct, frozen=True, gc=False):
    """A message that somebody got."""

    message_id: int
    at_s: float
    kind: Kind


def frees_at_s(windows: Sequence[Window], seen: Iterable[Seen], *, now_s: float) -> float | None:
    """When the last full window has room again, in Unix time; None where none is full.

    At that moment, and nothing else having come, none is full any more.
    """
    last: dict[int, Seen] = {}
    for one in seen:
        known = last.get(one.message_id)
        if known is None or known.at_s < one.at_s:
            last[one.message_id] = one
    found = [_frees_at_s(window, last.values(), now_s) for window in windows]
    return max((at_s for at_s in found if at_s is not None), default=None)


def _frees_at_s(window: Window, seen: Iterable[Seen], now_s: float) -> float | None:
    times = [one.at_s for one in seen if one.at_s + window.per_s > now_s and _counts(window, one.kind)]
    if len(times) < window.max:
        return None
    times.sort(reverse=True)
    return times[window.max - 1] + window.per_s


def _counts(window: Window, kind: Kind) -> bool:
    return kind is Kind.MARKETING or (kind is Kind.TRANSACTIONAL and not window.is_of_marketing)
