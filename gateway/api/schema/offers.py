"""Variants, experiments and coupons of a message, on the wire."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.api.schema.contents import ActionRequest, Text
from gateway.model.coupon import OnEmpty
from gateway.model.limits import (
    ACTIONS_MAX,
    EXPERIMENT_EVENT_CHARS_MAX,
    SLUG_CHARS_MAX,
    VARIANT_NAME_CHARS_MAX,
    VARIANT_WEIGHT_MAX,
)
from gateway.model.variant import Metric


class VariantRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way to say it: what is left out is as in the message."""

    name: Annotated[str, Meta(min_length=1, max_length=VARIANT_NAME_CHARS_MAX, description="Such as `a`.")]
    weight: Annotated[int, Meta(ge=1, le=VARIANT_WEIGHT_MAX, description="Its part of the sum of all weights.")] = 1
    title: Text | UnsetType = UNSET
    body: Text | UnsetType = UNSET
    url: str | UnsetType = UNSET
    icon: str | UnsetType = UNSET
    image: str | UnsetType = UNSET
    badge: str | UnsetType = UNSET
    actions: Annotated[list[ActionRequest], Meta(max_length=ACTIONS_MAX)] | UnsetType = UNSET


class ExperimentRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A share of the people get the variants, the others what won."""

    share: Annotated[float, Meta(gt=0, lt=100, description="So many of a hundred people get the variants.")]
    winner: Annotated[Metric, Meta(description="By clicks, by an event of people (`event`), or chosen by hand.")]
    after: Annotated[str, Meta(max_length=32, description="ISO 8601: how long after the start it is decided.")] = ""
    event: Annotated[
        str, Meta(max_length=EXPERIMENT_EVENT_CHARS_MAX, description="What a conversion is, such as `order_placed`.")
    ] = ""


class CouponRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everybody gets a code of this pool: `{{ coupon.code }}` in texts."""

    pool: Annotated[str, Meta(min_length=1, max_length=SLUG_CHARS_MAX)]
    on_empty: Annotated[OnEmpty, Meta(description="Whether those get the message who come when no code is left.")] = (
        "skip"
    )


class IntervalAnswer(msgspec.Struct, frozen=True):
    """Bounds that hold the true value in 95 of 100 experiments."""

    low: float
    high: float


class VariantResult(msgspec.Struct, frozen=True, kw_only=True):
    """How a variant did among those who were to try it.

    p_value: how likely chance alone makes it differ so much from the first variant, corrected for several variants;
    null for the first one. is_significant: under 5 %.
    """

    name: str
    sent: int
    successes: int
    rate: float
    rate_interval: IntervalAnswer
    difference: float | None
    difference_interval: IntervalAnswer | None
    p_value: float | None
    is_significant: bool


class ExperimentAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What variants brought about. decided_by: best, tie, too_little_data, hand; null while it is open.

    metric: what counts as a success. share, decide_at: null where everybody gets a variant.
    """

    metric: Metric
    share: float | None
    decide_at: datetime | None
    winner: str | None
    decided_by: str | None
    decided_at: datetime | None
    variants: list[VariantResult]


class WinnerRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The variant that those get who wait."""

    variant: Annotated[str, Meta(min_length=1, max_length=VARIANT_NAME_CHARS_MAX)]


class WinnerAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What was chosen."""

    id: str
    winner: str
