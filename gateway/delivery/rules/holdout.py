"""Marketing leaves out the app's lasting control group, and the message's own."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from gateway.delivery.group import Decision, Prepared
from gateway.delivery.keys import Keys, app_if_there
from gateway.model.delivery import Code, Device
from gateway.model.work import Chunk
from gateway.policy.ending import End
from gateway.policy.holdout import held_out, seed_of_app, seed_of_message

_HELD_OUT: Final = End(Code.SKIPPED_HOLDOUT)


class Holdout:
    """A rule for messages of marketing. The app's share is as it is set at the moment."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    async def decide(self, ready: Prepared, chunk: Chunk, devices: Sequence[Device], *, now: datetime) -> Decision:
        """Skips whoever is in one of the two groups."""
        del chunk, now
        message = ready.message
        app = await app_if_there(self._keys, message.app_id)
        if app is None:
            return Decision()
        lasting = held_out(devices, seed=seed_of_app(app.public_id), percent=app.own.holdout_percent)
        own = held_out(devices, seed=seed_of_message(message.id), percent=message.terms.holdout_percent)
        return Decision(fates=dict.fromkeys((*lasting, *own), _HELD_OUT))
