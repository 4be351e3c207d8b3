"""What became of asking visitors: outcomes that pages report, and their sums."""

from datetime import date, datetime
from typing import Final, Literal, get_args

import msgspec

OptInOutcome = Literal["asked", "yes", "dismissed", "granted", "denied", "blocked_help", "ios_guide"]
"""The prompt was shown; its visitor agreed to it, or did not; the browser's own question was answered; help was shown
to somebody whose browser blocks, or the way to the home screen of iOS. Names of columns, too."""

OUTCOMES: Final[tuple[OptInOutcome, ...]] = get_args(OptInOutcome)

Browser = Literal["chrome", "edge", "firefox", "opera", "safari", "samsung", "other"]


class OptInKey(msgspec.Struct, frozen=True, order=True):
    """What is counted apart within an app and a day. page: "" where the day has too many. began_at: of the prompt."""

    prompt: str
    began_at: datetime
    variant: str
    page: str
    browser: str


class OptInReport(msgspec.Struct, frozen=True):
    """One outcome as a page tells it; prompt "": the browser asked without one."""

    prompt: str
    variant: str
    page: str
    browser: str
    outcome: OptInOutcome


class TriedPrompt(msgspec.Struct, frozen=True):
    """What outcomes of a prompt may name: its variants, and since when it is as it is."""

    began_at: datetime
    variants: frozenset[str]


class Funnel(msgspec.Struct, frozen=True, kw_only=True):
    """Sums of outcomes. A visitor who was asked twice counts twice."""

    asked: int = 0
    yes: int = 0
    dismissed: int = 0
    granted: int = 0
    denied: int = 0
    blocked_help: int = 0
    ios_guide: int = 0


class OptInDays(msgspec.Struct, frozen=True):
    """Whose outcomes are summed: of these days, first and last included; of one prompt or variant, or of all (None)."""

    first: date
    last: date
    prompt: str | None = None
    variant: str | None = None
