"""What the metrics learn of a settled group: once a group, since a labelled counter costs a tenth of an encryption."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from gateway.delivery.group import Group
from gateway.model.delivery import Code, state_of
from gateway.model.work import GroupResult
from gateway.policy.ending import Again, Fate
from gateway.telemetry import (
    GROUP_SECONDS,
    GROUPS_SETTLED,
    RECIPIENTS,
    RETRIES,
    SEND_LAG_SECONDS,
    SUBSCRIPTION_DROPS,
)


def count(
    group: Group, fates: Sequence[Fate | None], result: GroupResult, *, now: datetime, planned_at: datetime
) -> None:
    """Counts recipients by their end, retries by their reason, closed devices; and how long all of it took."""
    GROUPS_SETTLED.inc()
    GROUP_SECONDS.observe(max(0.0, (now - result.read_at).total_seconds()))
    if result.chunk.key.attempt == 0:
        SEND_LAG_SECONDS.observe(max(0.0, (now - planned_at).total_seconds()))
    for code, n in Counter(result.codes).items():
        RECIPIENTS.labels(state_of(code)).inc(n)
    if result.retries or result.gone:
        _count_trouble(group, fates)


def _count_trouble(group: Group, fates: Sequence[Fate | None]) -> None:
    for device, fate in zip(group.devices, fates, strict=True):
        if isinstance(fate, Again):
            RETRIES.labels(device.provider, fate.reason).inc()
        elif fate is not None and fate.code is Code.GONE:
            SUBSCRIPTION_DROPS.labels(device.provider, "gone").inc()
