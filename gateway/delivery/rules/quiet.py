"""Nobody is woken: whoever is in their night waits for its end, or is left out where the message says so.

What makes it cheap: a group is in few places, and each place is asked about once.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from gateway.delivery.group import Decision, Prepared
from gateway.delivery.keys import Keys
from gateway.delivery.rules.places import place_of_device, settings_of_app
from gateway.model.choices import quiet_chosen
from gateway.model.delivery import Code, Device
from gateway.model.message import Message
from gateway.model.work import Chunk
from gateway.policy.appointment import Calendar, open_at
from gateway.policy.ending import Again, End, Fate
from gateway.policy.zones import Place

_DROPPED: Final = End(Code.SKIPPED_QUIET)
_HELD_PAST_END: Final = End(Code.EXPIRED_HELD)


class Quiet:
    """A rule for messages that respect quiet hours. The app's hours are as they are set at the moment."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    async def decide(self, ready: Prepared, chunk: Chunk, devices: Sequence[Device], *, now: datetime) -> Decision:
        """Holds whoever sleeps until they may be reached; ends it for those who sleep longer than the message lives."""
        del chunk
        message = ready.message
        own = await settings_of_app(self._keys, message.app_id)
        calendar = Calendar(timing=message.terms.timing, quiet=own.quiet_hours, base=message.planned_at)
        fates: dict[int, Fate] = {}
        known: dict[Place, Fate | None] = {}
        for device in devices:
            place = place_of_device(device, own.timezone)
            chosen = quiet_chosen(device.attrs, device.facts)
            if chosen is not None:
                fate = _fate(open_at(calendar, place, now, chosen), message, now)
            elif place in known:
                fate = known[place]
            else:
                fate = known[place] = _fate(open_at(calendar, place, now), message, now)
            if fate is not None:
                fates[device.subscription_id] = fate
        return Decision(fates)


def _fate(opens: datetime, message: Message, now: datetime) -> Fate | None:
    if opens <= now:
        return None
    if message.terms.timing.on_quiet == "drop":
        return _DROPPED
    if opens >= message.expires_at:
        return _HELD_PAST_END
    return Again("quiet", (opens - now).total_seconds(), is_counted=False, is_exact=True)
