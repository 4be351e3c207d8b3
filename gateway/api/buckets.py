"""Token buckets: how many calls a caller may make, in bounded memory.

Each process counts for itself: with N API processes the kernel spreads connections, so a caller gets up to N times the
rate. The setting is a guard against floods, not a meter.
"""

from collections.abc import Hashable
from itertools import islice
from typing import Generic, TypeVar

from gateway.model.limits import RATE_BUCKETS_MAX

K = TypeVar("K", bound=Hashable)


class Buckets(Generic[K]):
    """`take` costs one token of the caller's bucket, which fills by `rate` a second up to `burst`."""

    def __init__(self, *, rate: float, burst: float, kept_max: int = RATE_BUCKETS_MAX) -> None:
        self._rate = rate
        self._burst = burst
        self._kept_max = kept_max
        self._kept: dict[K, list[float]] = {}

    def take(self, caller: K, now_s: float) -> float:
        """0.0 and a token less, or how many seconds to wait. `now_s` is a monotonic clock's."""
        bucket = self._kept.get(caller)
        if bucket is None:
            self._remember(caller, now_s)
            return 0.0
        tokens = min(self._burst, bucket[0] + (now_s - bucket[1]) * self._rate)
        bucket[1] = now_s
        if tokens < 1.0:
            bucket[0] = tokens
            return (1.0 - tokens) / self._rate
        bucket[0] = tokens - 1.0
        return 0.0

    def wait_s(self, caller: K, now_s: float) -> float:
        """What `take` would answer, without taking."""
        bucket = self._kept.get(caller)
        tokens = self._burst if bucket is None else bucket[0] + (now_s - bucket[1]) * self._rate
        return 0.0 if tokens >= 1.0 else (1.0 - tokens) / self._rate

    def __len__(self) -> int:
        return len(self._kept)

    def _remember(self, caller: K, now_s: float) -> None:
        if len(self._kept) >= self._kept_max:
            # The longest known go first, an eighth at a time: cheap on average, whoever floods us.
            for old in list(islice(self._kept, max(1, self._kept_max // 8))):
                del self._kept[old]
        self._kept[caller] = [self._burst - 1.0, now_s]
