"""What people chose: no marketing for a while, or none by this channel. It is left out, not kept for later.

Whoever asked for a pause does not want its advertising all at once on the day after it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from gateway.delivery.group import Decision, Prepared
from gateway.model.choices import has_chosen, is_channel_off, paused_until_s
from gateway.model.delivery import Code, Device
from gateway.model.work import Chunk
from gateway.policy.ending import End, Fate

_PAUSED: Final = End(Code.SKIPPED_OWN_PAUSE)
_OFF: Final = End(Code.SKIPPED_CHANNEL_OFF)


class Chosen:
    """A rule for marketing."""

    async def decide(self, ready: Prepared, chunk: Chunk, devices: Sequence[Device], *, now: datetime) -> Decision:
        """Skips whoever is on a pause, or wants nothing by this channel."""
        del ready, chunk
        now_s = now.timestamp()
        fates: dict[int, Fate] = {}
        for device in devices:
            attrs, facts = device.attrs, device.facts
            if not has_chosen(attrs, facts):
                continue
            if paused_until_s(attrs, facts) > now_s:
                fates[device.subscription_id] = _PAUSED
            elif is_channel_off(device.provider, attrs, facts):
                fates[device.subscription_id] = _OFF
        return Decision(fates=fates)
