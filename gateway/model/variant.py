"""Variants of a message, and the experiment that finds the best of them."""

from typing import Any, Final, Literal

import msgspec

Metric = Literal["click", "conversion", "hand"]

REST_ARM: Final = 15
"""The arm of those who got the winner after the experiment; arms 1 to 10 are the variants in it, 0 is no experiment.
Four bits of a receipt token hold it, and a digit of a tally's keys. For ever, as both are stored."""


class Variant(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One way to say it. `changes` are fields of the message's content, in the form that the store has them in."""

    name: str
    weight: int = 1
    changes: dict[str, Any] = {}


class Experiment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`share_percent` of the people get the variants; the others get what won after `after_s`, or was chosen by hand.

    event: what a conversion is, an event of that name after the message was planned.
    """

    share_percent: float
    metric: Metric
    after_s: int = 0
    event: str = ""
