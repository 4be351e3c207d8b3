"""Who of a group is in which phase of an experiment: those in it get a variant now, the others the winner later."""

from collections.abc import Sequence

from gateway.delivery.group import Prepared
from gateway.model.delivery import Device
from gateway.model.work import Chunk
from gateway.policy.owners import owner_of
from gateway.policy.variants import drawn, is_tested
from gateway.store import experiments
from gateway.store.database import Queryable


async def in_phase(db: Queryable, chunk: Chunk, ready: Prepared, devices: Sequence[Device]) -> list[Device]:
    """Those of the devices that this chunk is for.

    A person may change between the two phases, by logging in, and be drawn anew: whoever had a variant gets nothing
    more, and whoever would have been in the experiment all along is left out rather than told twice.
    """
    experiment = ready.message.terms.experiment
    if experiment is None or not devices or not chunk.is_first_of_phase:
        return list(devices)
    message = ready.message
    drawn_for = [
        device
        for device in devices
        if is_tested(drawn(message.id, owner_of(device.person, device.subscription_id)), experiment)
        is not chunk.is_rest
    ]
    if not chunk.is_rest or not drawn_for:
        return drawn_for
    had = await experiments.tested(
        db,
        app_id=chunk.key.app_id,
        bucket=chunk.key.bucket,
        message_id=message.id,
        day=ready.day,
        lo=drawn_for[0].subscription_id,
        hi=drawn_for[-1].subscription_id,
    )
    return [device for device in drawn_for if device.subscription_id not in had]
