"""How sure one may be that variants differ. Closed forms; nothing is simulated.

- A rate's interval: Wilson's score interval, E. B. Wilson, JASA 22 (1927) 209-212; method 3 of R. G. Newcombe,
  "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17 (1998) 857-872.
- The difference of two rates: method 10 of R. G. Newcombe, "Interval estimation for the difference between independent
  proportions", Statistics in Medicine 17 (1998) 873-890. It never leaves -1..1 and holds for few successes, too.
- Whether they differ at all: the two-proportion z-test with the pooled rate, two-sided; J. L. Fleiss, "Statistical
  Methods for Rates and Proportions", chapter 2.
- Several variants against the first: S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian
  Journal of Statistics 6 (1979) 65-70, so that ten variants are not ten chances to be wrong.

Devices are counted as if each decided for itself; looking every hour and stopping at the first good figure makes any
such test say more than it knows.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Final

import msgspec

from gateway.policy.variants import ArmResult

CONFIDENCE: Final = 0.95
_Z: Final = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)


class Interval(msgspec.Struct, frozen=True):
    """Bounds that hold the true value in 95 of 100 experiments."""

    low: float
    high: float


class Comparison(msgspec.Struct, frozen=True):
    """A variant against the first one. `p_value`: how likely such a difference, or a larger one, is by chance alone.

    p_value is corrected for the number of variants; is_significant: it is under 5 %. difference: of the rates.
    """

    difference: float
    interval: Interval
    p_value: float

    @property
    def is_significant(self) -> bool:
        """Whether chance alone would hardly do it."""
        return self.p_value < 1 - CONFIDENCE


def interval_of(result: ArmResult) -> Interval:
    """What the true rate may be; everything, where nothing was sent."""
    n = result.sent
    if n == 0:
        return Interval(0.0, 1.0)
    p = result.rate
    middle = p + _Z * _Z / (2 * n)
    reach = _Z * math.sqrt(p * (1 - p) / n + _Z * _Z / (4 * n * n))
    whole = 1 + _Z * _Z / n
    return Interval(max(0.0, (middle - reach) / whole), min(1.0, (middle + reach) / whole))


def difference_of(one: ArmResult, other: ArmResult) -> Interval:
    """What the true difference of the rates may be, `one` less `other`."""
    mine, theirs = interval_of(one), interval_of(other)
    difference = one.rate - other.rate
    below = math.hypot(one.rate - mine.low, theirs.high - other.rate)
    above = math.hypot(mine.high - one.rate, other.rate - theirs.low)
    return Interval(difference - below, difference + above)


def p_value_of(one: ArmResult, other: ArmResult) -> float:
    """How likely it is that chance alone makes two rates differ as much as these, 0 to 1."""
    if one.sent == 0 or other.sent == 0:
        return 1.0
    pooled = (one.successes + other.successes) / (one.sent + other.sent)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / one.sent + 1 / other.sent))
    return math.erfc(abs(one.rate - other.rate) / spread / math.sqrt(2)) if spread > 0 else 1.0


def corrected(p_values: Sequence[float]) -> list[float]:
    """The p-values of tests that were made together, each as large as if it had been made alone (Holm)."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    found = [0.0] * len(p_values)
    highest = 0.0
    for step, place in enumerate(order):
        highest = max(highest, min(1.0, p_values[place] * (len(p_values) - step)))
        found[place] = highest
    return found


def compared(results: Sequence[ArmResult]) -> list[Comparison | None]:
    """Each variant against the first; None for the first itself."""
    first, *others = results
    p_values = corrected([p_value_of(other, first) for other in others])
    return [
        None,
        *(
            Comparison(other.rate - first.rate, difference_of(other, first), p_value)
            for other, p_value in zip(others, p_values, strict=True)
        ),
    ]
