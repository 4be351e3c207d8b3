"""What visitors answered when they were asked, on the wire."""

from datetime import date, datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.api.schema.offers import IntervalAnswer
from gateway.model.limits import (
    OPT_IN_PATH_CHARS_MAX,
    OUTCOMES_PER_REQUEST_MAX,
    SLUG_CHARS_MAX,
    VARIANT_NAME_CHARS_MAX,
)
from gateway.model.opt_in import OptInOutcome
from gateway.model.prompt import PromptMetric


class OutcomeRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One outcome. prompt, variant: "" where the browser was asked without a prompt, or the prompt has no variants."""

    outcome: OptInOutcome
    prompt: Annotated[str, Meta(max_length=SLUG_CHARS_MAX)] = ""
    variant: Annotated[str, Meta(max_length=VARIANT_NAME_CHARS_MAX)] = ""
    path: Annotated[
        str,
        Meta(
            max_length=OPT_IN_PATH_CHARS_MAX,
            description="Of the page; its query and what looks like an id are left out.",
        ),
    ] = "/"


class OutcomesRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Up to 20 outcomes of a page at once."""

    app: str
    reports: Annotated[list[OutcomeRequest], Meta(min_length=1, max_length=OUTCOMES_PER_REQUEST_MAX)]


class FunnelAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Sums. A visitor who was asked twice counts twice; rates are null where there is nothing to divide by.

    opt_in_rate: granted of asked. yes_rate: the prompt's yes of asked. grant_rate: of those who answered the browser's
    own question, how many agreed; browsers look at that one.
    """

    asked: int
    yes: int
    dismissed: int
    granted: int
    denied: int
    blocked_help: int
    ios_guide: int
    opt_in_rate: float | None
    yes_rate: float | None
    grant_rate: float | None


class DayFunnel(FunnelAnswer, frozen=True, kw_only=True):
    """One day (UTC)."""

    day: date


class PageFunnel(FunnelAnswer, frozen=True, kw_only=True):
    """One page; `*` stands for a number or a name in its path, "" for pages beyond what a day counts apart."""

    page: str


class BrowserFunnel(FunnelAnswer, frozen=True, kw_only=True):
    """One family of browsers."""

    browser: str


class PromptVariantResult(FunnelAnswer, frozen=True, kw_only=True):
    """A variant since visitors have seen it as it is. successes: of those asked, by the prompt's metric.

    p_value: how likely chance alone makes it differ so much from the first variant, corrected for several variants;
    null for the first one. is_significant: under 5 %.
    """

    name: str
    successes: int
    rate: float
    rate_interval: IntervalAnswer
    difference: float | None
    difference_interval: IntervalAnswer | None
    p_value: float | None
    is_significant: bool


class PromptFunnel(FunnelAnswer, frozen=True, kw_only=True):
    """A prompt; "": the browser was asked without one. began_at: since when its variants are counted."""

    prompt: str
    metric: PromptMetric
    began_at: datetime | None
    winner: str | None
    decided_by: str | None
    variants: list[PromptVariantResult]


class OptInWarning(msgspec.Struct, frozen=True):
    """Something to mend. code: grant_rate_low."""

    code: str
    message: str


class OptInReportAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What asking brought about; `last` is today (UTC)."""

    first: date
    last: date
    total: FunnelAnswer
    days: list[DayFunnel]
    pages: list[PageFunnel]
    browsers: list[BrowserFunnel]
    prompts: list[PromptFunnel]
    warnings: list[OptInWarning]


class PromptWinnerRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The variant that everybody is to see."""

    variant: Annotated[str, Meta(min_length=1, max_length=VARIANT_NAME_CHARS_MAX)]
