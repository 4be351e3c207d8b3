"""How fast a lane may go: how many requests at once, and how many a second.

Both adapt to what the service says. Requests in flight follow additive increase and multiplicative decrease: one more
per round of good answers while they are the constraint (twice as many until the first bad one), half as many after bad
ones. The rate has no limit until the
service throttles (or the provider's pace names one): then it becomes half of what was achieved, grows again by a
twentieth of the rate before the fall every ten seconds, and is lifted once it is what it was before the first fall.

Times are monotonic seconds and come in as arguments. Rates are pushes a second of the whole gateway; a process keeps to
its `share` of them.
"""

from typing import Final

import msgspec

from gateway.model.limits import LANE_IN_FLIGHT_MIXED, LANE_IN_FLIGHT_START, LANE_RATE_MIN

_CUT_EVERY_S: Final = 1.0
"""One cut a second: the answers of one round all tell of the same moment."""
_CREDIT_PER_GOOD: Final = 0.01
_CREDIT_MAX: Final = 2.0
"""One bad answer in a hundred is forgiven: a busy service always has a few, and a lane must not crawl for them."""
_GROWTH_PER_S: Final = 0.005
_DOUBLINGS_MAX: Final = 64
_BURST_S: Final = 0.25
"""Unused rate of so long may be used at once: timers come late by some milliseconds."""
_RAMP_LOW: Final = 0.1
_REFRESH_S: Final = 1.0
_SITE_RATE: Final = 20.0
"""Throttled at so few pushes a second for minutes, a lane is limited on purpose: Chrome's limit for sites that visitors
find disruptive, for one, is 1,000 a minute (developer.chrome.com/blog/web-push-rate-limits)."""
_SITE_AFTER_S: Final = 300.0
_SITE_FALLS_MIN: Final = 3
_SAME: Final = 0.99
"""Rates that differ by less are one: they came through the store, which rounds, and through two clocks."""


class InFlight:
    """How many requests may be under way at once: `limit`, adapting."""

    def __init__(self, most: int) -> None:
        self.limit = min(LANE_IN_FLIGHT_START, most)
        self._most = most
        self._exact = float(self.limit)
        self._credit = 0.0
        self._was_cut = False
        self._cut_at_s = float("-inf")
        self._is_good_for_some = False

    def good(self, *, is_full: bool) -> bool:
        """A good answer; `is_full`: the limit held somebody back. Whether there is room for one more now."""
        self._is_good_for_some = True
        if self._credit < _CREDIT_MAX:
            self._credit += _CREDIT_PER_GOOD
        if not is_full or self.limit >= self._most:
            return False
        # Until the service has failed once nothing is known of what it bears: the limit doubles with each round.
        self._exact += 1.0 / self._exact if self._was_cut else 1.0
        has_grown = int(self._exact) > self.limit
        self.limit = int(self._exact)
        return has_grown

    def bad(self, now_s: float) -> None:
        """A request that the service failed: the limit is halved, unless such answers are rare among good ones.

        Where others get through it stays above a floor: a thousand bad addresses must not make everybody crawl.
        """
        if self._credit >= 1.0:
            self._credit -= 1.0
        else:
            self.cut(now_s, at_least=LANE_IN_FLIGHT_MIXED if self._is_good_for_some else 1)

    def cut(self, now_s: float, *, at_least: int = 1) -> None:
        """The service wants less: half as many, but not fewer than so many; once a second."""
        if now_s - self._cut_at_s >= _CUT_EVERY_S:
            self._cut_at_s = now_s
            self._was_cut = True
            self._is_good_for_some = False
            self._exact = min(self._exact, max(float(at_least), self._exact / 2))
            self.limit = int(self._exact)


class Slowdown(msgspec.Struct, frozen=True):
    """A rate that a service forced on a lane, and how it grows again from `since_s` on.

    before: the rate before the last fall; peak: before the first. Beyond `before` nothing is known of the service but
    that it once bore `peak`, so the rate doubles every 100 s until then.
    """

    rate: float
    before: float
    peak: float
    since_s: float

    def at(self, now_s: float) -> float | None:
        """The rate at this moment; None once the limit is lifted."""
        rate, goal, left_s = self.rate, max(self.before, self.rate), now_s - self.since_s
        if left_s <= 0:
            return rate
        for _ in range(_DOUBLINGS_MAX):
            slope = goal * _GROWTH_PER_S
            if left_s < (goal - rate) / slope:
                return rate + slope * left_s
            left_s -= (goal - rate) / slope
            if goal >= self.peak:
                return None
            rate, goal = goal, min(goal * 2, self.peak)
        return None


class Rate:
    """How many pushes a second; a token bucket over whatever limit holds at the moment.

    is_open: there is no limit at all, and nothing need be asked. is_site_limited: the service has throttled this lane
    at a low rate for minutes, which is no overload but a judgement.
    """

    def __init__(self, *, rate_max: float | None = None, ramp_s: float = 0.0) -> None:
        self.slowdown: Slowdown | None = None
        self.is_open = rate_max is None
        self.is_site_limited = False
        self.share = 1.0
        self._rate_max = rate_max
        self._ramp_s = ramp_s
        self._ramp_from_s = float("-inf")
        self._used_at_s = float("-inf")
        self._free_at_s = float("-inf")
        self._own: float | None = None
        self._own_until_s = float("-inf")
        self._fell_at_s = float("-inf")
        self._slow_since_s: float | None = None
        self._falls = 0
        self._slot_at_s = float("-inf")
        self._slot_count = 0
        self._slot_before = 0.0

    # --- spending it --------------------------------------------------------------------------------------------------

    def reserve(self, now_s: float, *, wait_s_max: float) -> float:
        """Takes the next free moment if it is no more than `wait_s_max` away; how many seconds away it is."""
        own = self.own_per_s(now_s)
        if own is None:
            return 0.0
        moment_s = max(self._free_at_s, now_s - _BURST_S)
        wait_s = max(0.0, moment_s - now_s)
        if wait_s <= wait_s_max:
            self._free_at_s = moment_s + 1.0 / own
        return wait_s

    def per_s(self, now_s: float) -> float | None:
        """The limit that the service forced on this lane at this moment, for the whole gateway; None: none."""
        slowed = None if self.slowdown is None else self.slowdown.at(now_s)
        if slowed is None and self.slowdown is not None:
            self.lift()
        return slowed

    def set_share(self, share: float) -> None:
        """This process may use so much of the rate, above 0 and at most 1."""
        self.share = share
        self._own_until_s = float("-inf")

    def own_per_s(self, now_s: float) -> float | None:
        """This process's part of whatever limit holds, looked up once a second; None: there is none."""
        if now_s >= self._own_until_s:
            self._own_until_s = now_s + _REFRESH_S
            limits = [limit for limit in (self.per_s(now_s), self._ramped(now_s)) if limit is not None]
            self._own = min(limits) * self.share if limits else None
        return self._own

    def _ramped(self, now_s: float) -> float | None:
        """The provider's own maximum; after a pause from a tenth of it up."""
        if self._rate_max is None or not self._ramp_s:
            return self._rate_max
        if now_s - self._used_at_s >= self._ramp_s:
            self._ramp_from_s = now_s
        self._used_at_s = now_s
        part = (now_s - self._ramp_from_s) / self._ramp_s
        return self._rate_max * min(1.0, _RAMP_LOW + (1.0 - _RAMP_LOW) * part)

    # --- learning it --------------------------------------------------------------------------------------------------

    def count(self, now_s: float) -> None:
        """An answer of the service came: what `achieved` is made of."""
        if now_s - self._slot_at_s >= 1.0:
            self._next_slot(now_s)
        self._slot_count += 1

    def achieved(self, now_s: float, *, in_flight: int = 0) -> float:
        """Answers a second that this process got lately; what is under way counts as the next second's."""
        if now_s - self._slot_at_s >= 1.0:
            self._next_slot(now_s)
        # Without what is under way, a lane whose very first answer is a 429 would have achieved next to nothing.
        return max(self._slot_before, self._slot_count / max(now_s - self._slot_at_s, _BURST_S) + in_flight)

    def _next_slot(self, now_s: float) -> None:
        gap_s = now_s - self._slot_at_s
        self._slot_before = self._slot_count / gap_s if gap_s < 2 * _REFRESH_S else 0.0
        self._slot_at_s, self._slot_count = now_s, 0

    def fall(self, now_s: float, *, resumes_at_s: float, in_flight: int = 0) -> bool:
        """The service throttles: half of what was achieved, at most once a second. It grows from `resumes_at_s` on.

        Whether the rate fell; else only its growth begins later.
        """
        was = self.per_s(now_s)
        if now_s - self._fell_at_s < _CUT_EVERY_S:
            self.hold(resumes_at_s)
            return False
        achieved = self.achieved(now_s, in_flight=in_flight) / self.share
        base = achieved if was is None else min(was, achieved)
        rate = max(base / 2, LANE_RATE_MIN)
        before = max(base, rate * 2)
        peak = before if self.slowdown is None else max(self.slowdown.peak, before)
        self._set(Slowdown(rate, before, peak, max(now_s, resumes_at_s)), now_s)
        self._judge(now_s, base)
        return True

    def still_refused(self, now_s: float, *, resumes_at_s: float) -> None:
        """The one push that was to see whether the service has room again was throttled, too."""
        self.hold(resumes_at_s)
        if (limit := self.per_s(now_s)) is not None:
            self._judge(now_s, limit)

    def hold(self, until_s: float) -> None:
        """The lane stands until then: its rate does not grow meanwhile."""
        if self.slowdown is not None and until_s > self.slowdown.since_s:
            self.slowdown = msgspec.structs.replace(self.slowdown, since_s=until_s)
            self._own_until_s = float("-inf")

    def learn(self, told: Slowdown, now_s: float) -> None:
        """Takes over what another process found out, if it is lower."""
        rate, own = told.at(now_s), self.per_s(now_s)
        if rate is not None and (own is None or rate < own * _SAME):
            self._set(told, now_s)

    def lift(self) -> None:
        """No limit any more but the provider's own."""
        self.slowdown = None
        self.is_open = self._rate_max is None
        self.is_site_limited = False
        self._slow_since_s, self._falls = None, 0
        self._own_until_s = float("-inf")

    def _set(self, slowdown: Slowdown, now_s: float) -> None:
        self.slowdown = slowdown
        self.is_open = False
        self._fell_at_s = now_s
        self._own_until_s = float("-inf")

    def _judge(self, now_s: float, was: float) -> None:
        """Is it overload, or does the service mean this site? Asked whenever it throttles; `was`: the rate then."""
        if was > _SITE_RATE:
            self._slow_since_s, self._falls = None, 0
            return
        if self._slow_since_s is None:
            self._slow_since_s = now_s
        self._falls += 1
        if self._falls >= _SITE_FALLS_MIN and now_s - self._slow_since_s >= _SITE_AFTER_S:
            self.is_site_limited = True
