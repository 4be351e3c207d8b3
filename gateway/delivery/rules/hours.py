"""A message at people's own hours: whoever moved to another zone since it was planned gets it at that zone's hour.

Everybody stands in one list of the plan, so that nobody gets it twice and nobody is forgotten; when somebody's turn
comes, the hour where they are then decides.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from gateway.delivery.group import Decision, Prepared
from gateway.delivery.keys import Keys
from gateway.delivery.rules.places import app_timezone_of, place_of_device
from gateway.model.delivery import Code, Device
from gateway.model.work import Chunk
from gateway.policy.appointment import Calendar, is_early, wanted_at
from gateway.policy.ending import Again, End, Fate
from gateway.policy.zones import Place

_LATE: Final = End(Code.SKIPPED_LATE)
_HELD_PAST_END: Final = End(Code.EXPIRED_HELD)


class OwnHour:
    """A rule for messages with a local time. A best time moves while it is waited for, and is not looked at again."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    async def decide(self, ready: Prepared, chunk: Chunk, devices: Sequence[Device], *, now: datetime) -> Decision:
        """Holds whose hour is still to come, skips whose hour had passed when it was planned."""
        del chunk
        message = ready.message
        timing = message.terms.timing
        if timing.local_time is None:
            return Decision()
        app_timezone = await app_timezone_of(self._keys, message.app_id)
        calendar = Calendar(timing=timing, quiet=None, base=message.planned_at)
        fates: dict[int, Fate] = {}
        known: dict[Place, Fate | None] = {}
        for device in devices:
            place = place_of_device(device, app_timezone)
            if place not in known:
                known[place] = _fate(wanted_at(calendar, place), now=now, expires_at=message.expires_at)
            fate = known[place]
            if fate is not None:
                fates[device.subscription_id] = fate
        return Decision(fates)


def _fate(wanted: datetime | None, *, now: datetime, expires_at: datetime) -> Fate | None:
    if wanted is None:
        return _LATE
    if not is_early(wanted, now):
        return None
    if wanted >= expires_at:
        return _HELD_PAST_END
    return Again("local_time", (wanted - now).total_seconds(), is_counted=False, is_exact=True)
