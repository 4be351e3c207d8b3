"""All figures of a run."""

import statistics
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Literal

import msgspec

from benchmarks.accept import Accepting
from benchmarks.campaign import Campaign, Planning
from benchmarks.contest import Contest
from benchmarks.latency import Latency
from benchmarks.machine import Machine
from benchmarks.micro.pipeline import Pipeline
from benchmarks.orders import Provider

Variant = Literal["cryptography", "fast", "composed", "ahead"]
"""How a gateway agrees on keys: as it comes, with the extra `fast`, and with that before a message's due time; and a
message that differs from person to person, under quiet hours and caps, with `fast`."""
VARIANTS: Final[Mapping[Variant, str]] = {
    "cryptography": "cryptography alone",
    "fast": "with the extra `fast`",
    "composed": "`fast`, texts per person, caps, quiet hours",
    "ahead": "keys made ahead of a due time",
}


class Figures(msgspec.Struct, kw_only=True):
    """What was measured; a part that was not asked for is None or empty."""

    at: datetime
    machine: Machine
    load_before: float
    options: dict[str, int | float | str]
    planning: Planning | None = None
    planning_by_zone: Planning | None = None
    """Of a message at everybody's own hour, under quiet hours and caps."""
    campaigns: dict[Variant, list[Campaign]] = {}
    latencies: list[Latency] = []
    accepting: list[Accepting] = []
    store: Pipeline | None = None
    parts: dict[Provider, dict[str, float]] = {}
    """Microseconds of CPU per message by step."""
    contest: Contest | None = None
    seconds: float = 0.0
    """What the run took."""


def per_s(campaigns: Sequence[Campaign]) -> float:
    """Messages a second of several sends: the middle."""
    return statistics.median(one.per_s for one in campaigns)


def cpu_by_group(sends: Sequence[Campaign] | Sequence[Accepting]) -> dict[str, float]:
    """Microseconds per message by group of processes: medians."""
    return {name: statistics.median(one.cpu_us[name] for one in sends) for name in sends[0].cpu_us}
