"""How many there are, from a few of them.

Ids are random numbers, given without regard to whose device it is: the devices in any stretch of the id space are a
fair sample of all, and a stretch of an index is the cheapest thing to read. Several short ones make a sample, each
somewhere in its part of the space: one long one would find the same crowded place of the same shop again and again. A
sample of a share `p` of the space that finds `n` stands for `n / p`. Its margin is the wider side of the score interval
of a Poisson count, made smaller where much of the whole was read, for 98 of 100 samples: so that of a hundred estimates
95 hold, an unlucky hundred included, and also where none was found.

People. Each sampled device stands for its part of its person: one over the number of the person's devices that are in
the audience, so that these add up to one whichever of them were sampled. How many they are is looked up for the first
of those who have several devices only, and the others are taken to be like them; the margin knows of both samples.

Sources: L. D. Brown, T. T. Cai, A. DasGupta, "Interval estimation in exponential families", Statistica Sinica 13, 2003:
the score interval. P. Lavallée, "Indirect Sampling", 2007: the share method. W. G. Cochran, "Sampling Techniques", 3rd
edition, 1977, chapter 12: a sample of a sample.
"""

import math
from collections.abc import Sequence
from random import Random
from typing import Final

import msgspec

from gateway.model.ids import ID_BITS
from gateway.model.limits import ESTIMATE_EXACT_ROWS_MAX, ESTIMATE_ROWS, ESTIMATE_STRETCHES

_KEYS: Final = 1 << ID_BITS
_Z: Final = 2.326348
"""Of a normal distribution, 98 % lie within so many standard deviations."""


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


def stretch(share: float, dice: Random, *, keys: int = _KEYS) -> Stretch:
    """Such a share of the first so many ids, somewhere."""
    width = min(keys, max(1, int(share * keys)))
    low = dice.randrange(keys - width + 1)
    return Stretch(low, low + width)


def stretches(share: float, dice: Random, *, parts: int = ESTIMATE_STRETCHES) -> list[Stretch]:
    """Such a share of the ids: as much of each part of them, somewhere in it. In order, and none meets another."""
    width = _KEYS // parts
    found = [stretch(share, dice, keys=width) for _ in range(parts)]
    return [Stretch(one.low + at * width, one.high + at * width) for at, one in enumerate(found)]


def share_for(seen: int, *, rows: int = ESTIMATE_ROWS, exact_up_to: int = ESTIMATE_EXACT_ROWS_MAX) -> float | None:
    """The share to read, after a look at `LOOK_SHARE` saw so many devices; None: the app is small, read it whole."""
    devices = seen / LOOK_SHARE
    return None if devices <= exact_up_to else rows / devices


class Estimated(msgspec.Struct, frozen=True):
    """A number, and how far off it may be: in 95 of 100 such estimates it is not."""

    value: int
    margin: int


def estimated(found: int, *, share: float) -> Estimated:
    """What a sample stands for that found so many."""
    return _estimated(found, found * (1 - share), share=share)


def people_estimated(alone: int, shared: int, parts: Sequence[float], *, share: float) -> Estimated:
    """How many people a sample of devices stands for.

    alone: devices of people with one. shared: devices of people with several. parts: what part of their person the
    first of these are, over 0 and at most 1; where none is known, each is taken for a whole person.
    """
    looked_up = len(parts)
    mean = sum(parts) / looked_up if looked_up else 1.0
    mean_square = sum(part * part for part in parts) / looked_up if looked_up else 1.0
    spread = max(0.0, mean_square - mean * mean)
    variance = (alone + shared * mean_square) * (1 - share)
    if looked_up:
        variance += shared * (shared - looked_up) * spread / looked_up
    return _estimated(alone + shared * mean, variance, share=share)


def _estimated(found: float, variance: float, *, share: float) -> Estimated:
    spread = _Z * math.sqrt(variance + _Z * _Z / 4) + _Z * _Z / 2
    return Estimated(round(found / share), math.ceil(spread / share))
