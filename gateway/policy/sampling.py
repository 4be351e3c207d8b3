"""How many there are, from a few of them.

Ids are random numbers, given without regard to whose device it is: the devices in any stretch of the id space are a
fair sample of all, and a stretch of an index is the cheapest thing to read. A sample of a share `p` of the space that
finds `n` stands for `n / p`. Its margin is the wider side of the score interval of a Poisson count, made smaller where
much of the whole was read: it holds the truth in at least 95 of 100 samples, also where none was found.

Source: L. D. Brown, T. T. Cai, A. DasGupta, "Interval estimation in exponential families", Statistica Sinica 13, 2003:
the score interval.
"""

import math
from random import Random
from typing import Final

import msgspec

from gateway.model.ids import ID_BITS
from gateway.model.limits import ESTIMATE_EXACT_ROWS_MAX, ESTIMATE_ROWS

_KEYS: Final = 1 << ID_BITS
_Z: Final = 1.959964
"""Of a normal distribution, 95 % lie within so many standard deviations."""


class Stretch(msgspec.Struct, frozen=True):
    """Ids from `low` on and below `high`."""

    low: int
    high: int

    @property
    def share(self) -> float:
        """Of all ids."""
        return (self.high - self.low) / _KEYS


LOOK_SHARE: Final = 1 / 1024
"""How much of the id space is looked at to learn how large an app is."""


def stretch(share: float, dice: Random) -> Stretch:
    """Such a share of the ids, somewhere."""
    width = min(_KEYS, max(1, int(share * _KEYS)))
    low = dice.randrange(_KEYS - width + 1)
    return Stretch(low, low + width)


def share_for(seen: int, *, rows: int = ESTIMATE_ROWS, exact_up_to: int = ESTIMATE_EXACT_ROWS_MAX) -> float | None:
    """The share to read, after a look at `LOOK_SHARE` saw so many devices; None: the app is small, read it whole."""
    devices = seen / LOOK_SHARE
    return None if devices <= exact_up_to else rows / devices


class Estimated(msgspec.Struct, frozen=True):
    """A number, and how far off it may be: in 95 of 100 such estimates it is not."""

    value: int
    margin: int


def estimated(found: float, squares: float, *, share: float) -> Estimated:
    """What a sample stands for: `found` is the sum of its weights, `squares` that of their squares (both the count)."""
    spread = _Z * math.sqrt(squares * (1 - share) + _Z * _Z / 4) + _Z * _Z / 2
    return Estimated(round(found / share), math.ceil(spread / share))
