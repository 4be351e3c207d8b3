"""The terms of a message: what decides about each recipient at the last moment, besides audience and content."""

from typing import Literal

import msgspec

from gateway.model.coupon import CouponTerm
from gateway.model.inbox import Inbox
from gateway.model.schedule import Timing
from gateway.model.variant import Experiment, Variant

Category = Literal["marketing", "transactional"]
OnCap = Literal["drop", "defer"]


class Terms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """As stored with the message; a field at its default is not written.

    category: marketing obeys quiet hours and frequency caps, transactional goes out at once.
    holdout_percent: so many of a hundred people do not get it, to see what it brings about.
    obeys_caps: False sends past frequency caps, and counts all the same. on_cap: whoever has had enough is dropped, or
    put off until there is room again.
    per_minute: no more recipients than that within a minute.
    variants, experiment: different ways to say it, and how the best of them is found.
    coupon: everybody gets a code of a pool.
    timing: hours of people's own, quiet hours, an end, a series.
    inbox: it stays in the inbox of the page.
    """

    category: Category = "transactional"
    holdout_percent: float = 0.0
    obeys_caps: bool = True
    on_cap: OnCap = "drop"
    per_minute: int | None = None
    variants: tuple[Variant, ...] = ()
    experiment: Experiment | None = None
    coupon: CouponTerm | None = None
    timing: Timing = Timing()
    inbox: Inbox | None = None

    @property
    def needs_person(self) -> bool:
        """Whether more of each recipient has to be read than sending needs."""
        if self.category == "marketing" or self.timing != Timing():
            return True
        return bool(self.variants) or self.coupon is not None
