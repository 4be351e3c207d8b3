"""What variants brought about: the counts of each, and how sure one may be that they differ. Read only."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from gateway.model.event import ARM_STEP, ReceiptKind
from gateway.model.variant import REST_ARM, Metric
from gateway.policy.counting import counts_of_arms
from gateway.policy.significance import Comparison, Interval, compared, interval_of
from gateway.policy.variants import ArmResult
from gateway.store import experiments
from gateway.store.database import Queryable
from gateway.store.experiments import StoredExperiment
from gateway.store.messages import StoredMessage

_WORDS: Final = {
    ReceiptKind.SHOWN: "shown",
    ReceiptKind.CLICKED: "clicked",
    ReceiptKind.CLOSED: "closed",
}
_STATES: Final = ("sent", "failed", "gone", "expired", "cancelled", "skipped")


class VariantFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One variant among those who were to try it: successes are clicks. comparison: with the first variant."""

    name: str
    result: ArmResult
    interval: Interval
    comparison: Comparison | None


class ExperimentFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a message's variants. metric: what decides; `click` where nothing is to be decided."""

    metric: Metric
    share_percent: float | None
    decide_at: datetime | None
    winner: str | None
    decided_by: str | None
    decided_at: datetime | None
    variants: list[VariantFigures]


async def figures_of(
    db: Queryable, message: StoredMessage, tally: Mapping[str, int], reported: Mapping[int, int]
) -> tuple[dict[str, dict[str, int]], ExperimentFigures | None]:
    """The counts per variant, and the experiment; empty and None for a message without variants.

    reported: by kind and arm, as `receipts.counts` has them. Those who got the winner afterwards count for it.
    """
    names = [variant.name for variant in message.terms.variants]
    if not names:
        return {}, None
    stored = None
    if message.terms.experiment is not None:
        stored = await experiments.get(db, app_id=message.app_id, message_id=message.id)
    arms = _arms(tally, reported)
    winner = None if stored is None else stored.winner
    per_variant = {
        name: _sum(arms.get(place + 1, {}), arms.get(REST_ARM, {}) if place == winner else {})
        for place, name in enumerate(names)
    }
    return per_variant, _figures(message, names, arms, stored)


def _arms(tally: Mapping[str, int], reported: Mapping[int, int]) -> dict[int, dict[str, int]]:
    arms = counts_of_arms(tally)
    for coded, n in reported.items():
        arm, kind = divmod(coded, ARM_STEP)
        if arm:
            arms.setdefault(arm, {})[_WORDS[ReceiptKind(kind)]] = n
    return arms


def _sum(own: Mapping[str, int], rest: Mapping[str, int]) -> dict[str, int]:
    words = (*_STATES, *_WORDS.values())
    return {word: own.get(word, 0) + rest.get(word, 0) for word in words} | {"bought": 0}


def _figures(
    message: StoredMessage, names: list[str], arms: Mapping[int, Mapping[str, int]], stored: StoredExperiment | None
) -> ExperimentFigures:
    results = [_result(arms.get(place + 1, {})) for place in range(len(names))]
    comparisons = compared(results)
    experiment = message.terms.experiment
    return ExperimentFigures(
        metric="click" if experiment is None else experiment.metric,
        share_percent=None if experiment is None else experiment.share_percent,
        decide_at=None if stored is None else stored.decide_at,
        winner=None if stored is None or stored.winner is None else names[stored.winner],
        decided_by=None if stored is None else stored.decided_by,
        decided_at=None if stored is None else stored.decided_at,
        variants=[
            VariantFigures(name=name, result=result, interval=interval_of(result), comparison=comparison)
            for name, result, comparison in zip(names, results, comparisons, strict=True)
        ],
    )


def _result(counts: Mapping[str, int]) -> ArmResult:
    sent = counts.get("sent", 0)
    return ArmResult(sent, min(counts.get("clicked", 0), sent))
