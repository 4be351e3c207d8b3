"""Who gets which variant, and which of them wins. The same person always gets the same one of a message.

Nothing is written down for it: a hash of message and person says who is in the experiment and who gets what, on every
device, in every process, and again after a crash. Two messages draw independently.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from gateway.model.limits import EXPERIMENT_SENT_MIN
from gateway.model.message import Content
from gateway.model.variant import Experiment, Variant

_WHOLE: Final = 1 << 64


class Draw(msgspec.Struct, frozen=True, gc=False):
    """Two independent numbers in 0..2**64 - 1, always the same for one message and person."""

    share: int
    variant: int


class ArmResult(msgspec.Struct, frozen=True):
    """How a variant did in the experiment: devices it was sent to, and how many of them did what is counted."""

    sent: int
    successes: int

    @property
    def rate(self) -> float:
        """The share of successes; 0 for nobody."""
        return self.successes / self.sent if self.sent else 0.0


class Verdict(msgspec.Struct, frozen=True):
    """The winner's place among the variants, and why: best, tie, or too_little_data."""

    winner: int
    why: str


def drawn(message_id: int, owner: str) -> Draw:
    """The draw of this person (`owners.owner_of`) for this message."""
    digest = hashlib.blake2b(b"variant\0%d\0" % message_id + owner.encode(), digest_size=16).digest()
    return Draw(int.from_bytes(digest[:8], "big"), int.from_bytes(digest[8:], "big"))


def is_tested(draw: Draw, experiment: Experiment | None) -> bool:
    """Whether somebody gets a variant now rather than the winner later. Without an experiment everybody does."""
    return experiment is None or draw.share * 100 < experiment.share_percent * _WHOLE


def variant_of(draw: Draw, weights: Sequence[int]) -> int:
    """The place of the variant that somebody gets, each as likely as its weight says."""
    left = draw.variant * sum(weights) // _WHOLE
    for place, weight in enumerate(weights):
        left -= weight
        if left < 0:
            return place
    raise AssertionError("the weights sum to more than the draw")


def content_of(content: Content, variant: Variant) -> Content:
    """The content of a message as this variant says it."""
    whole: dict[str, Any] = {**msgspec.to_builtins(content), **variant.changes}
    return msgspec.convert(whole, Content)


def contents_of(content: Content, variants: Sequence[Variant]) -> list[Content]:
    """Everything that somebody may get: each variant, or the content itself where there are none."""
    return [content_of(content, variant) for variant in variants] or [content]


def winner_of(results: Sequence[ArmResult]) -> Verdict:
    """The variant with the highest rate. The first of several best ones, and the first where too little is known.

    Too little: some variant was sent to fewer than `EXPERIMENT_SENT_MIN` devices, or nobody did anything at all.
    """
    if min(result.sent for result in results) < EXPERIMENT_SENT_MIN or not any(one.successes for one in results):
        return Verdict(0, "too_little_data")
    rates = [result.rate for result in results]
    best = rates.index(max(rates))
    return Verdict(best, "tie" if rates.count(rates[best]) > 1 else "best")
