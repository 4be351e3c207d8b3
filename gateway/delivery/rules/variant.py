"""Who gets which variant of a message. Asked first, so that whoever is skipped afterwards is counted by variant, too.

In an experiment its share of people get variants; the others wait in chunks of their own, and get what won.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from gateway.delivery.group import Decision, Prepared
from gateway.model.delivery import Code, Device
from gateway.model.variant import REST_ARM
from gateway.model.work import Chunk
from gateway.policy.ending import Again, End, Fate
from gateway.policy.owners import owner_of
from gateway.policy.variants import drawn, variant_of
from gateway.store import experiments
from gateway.store.database import Database

_WAITING: Final = Again("experiment", 60.0, is_counted=False)
"""Nobody reads the rest before there is a winner; should it happen all the same, they wait on."""
_NO_WINNER: Final = End(Code.EXPIRED)


class VariantRule:
    """One message's. Once a winner is known it stays, and is not asked for again."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._winner: int | None = None

    async def decide(self, ready: Prepared, chunk: Chunk, devices: Sequence[Device], *, now: datetime) -> Decision:
        """Everybody's variant; of those who wait for a winner that nobody chose, that their time is over."""
        if chunk.is_rest:
            return await self._rest(ready, devices, now=now)
        message = ready.message
        weights = [variant.weight for variant in message.terms.variants]
        said: list[dict[str, Any]] = [{"variant": place, "arm": place + 1} for place in range(len(weights))]
        return Decision(
            given={
                device.subscription_id: said[
                    variant_of(drawn(message.id, owner_of(device.person, device.subscription_id)), weights)
                ]
                for device in devices
            }
        )

    async def _rest(self, ready: Prepared, devices: Sequence[Device], *, now: datetime) -> Decision:
        message = ready.message
        if self._winner is None:
            self._winner = await experiments.winner(self._db, app_id=message.app_id, message_id=message.id)
        numbers = [device.subscription_id for device in devices]
        if self._winner is None:
            fate: Fate = _NO_WINNER if now >= message.expires_at else _WAITING
            return Decision(fates=dict.fromkeys(numbers, fate))
        return Decision(given={number: {"variant": self._winner, "arm": REST_ARM} for number in numbers})
