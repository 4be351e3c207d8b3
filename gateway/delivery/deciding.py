"""What is decided about a group before anybody of it is tried: who waits, who is skipped, what each one is given.

Rules are asked in order; whoever one of them holds or skips is not shown to those after it. They are asked at the last
moment, with the recipients as they are then, and again whenever somebody who was held comes up.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from gateway.delivery.group import Group, Prepared, Rule
from gateway.model.work import Chunk
from gateway.policy.ending import Fate


async def decided(
    rules: Sequence[Rule], ready: Prepared, chunk: Chunk, group: Group, *, now: datetime
) -> tuple[Group, list[Fate | None]]:
    """The group with what each recipient is given, and the fate of those who are not tried; None for all others."""
    fates: dict[int, Fate] = {}
    given: dict[int, dict[str, Any]] = {}
    asked = group.devices
    for rule in rules:
        if not asked:
            break
        try:
            decision = await rule.decide(ready, chunk, asked, now=now)
        except BaseException:
            group.left()
            raise
        if decision.stays:
            group = msgspec.structs.replace(group, stays=group.stays + decision.stays)
        fates = {**decision.fates, **fates}
        for number, values in decision.given.items():
            given.setdefault(number, {}).update(values)
        if decision.fates:
            asked = [device for device in asked if device.subscription_id not in fates]
    return _with_given(group, given), [fates.get(device.subscription_id) for device in group.devices]


def _with_given(group: Group, given: Mapping[int, dict[str, Any]]) -> Group:
    if not given:
        return group
    devices = [
        msgspec.structs.replace(device, given=given[device.subscription_id])
        if device.subscription_id in given
        else device
        for device in group.devices
    ]
    return msgspec.structs.replace(group, devices=devices)
