"""Whom a message excludes does not get it, also where they were named, or wait for another try.

A range is read by a condition that leaves them out. A list was made earlier: its people are looked at once more.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from gateway.delivery.group import Decision, Prepared
from gateway.model.delivery import Code, Device
from gateway.model.work import Chunk
from gateway.policy.ending import End
from gateway.store import audiences
from gateway.store.database import Database

_EXCLUDED: Final = End(Code.SKIPPED_EXCLUDED)


class Excluded:
    """A rule for messages with `exclude`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def decide(self, ready: Prepared, chunk: Chunk, devices: Sequence[Device], *, now: datetime) -> Decision:
        """Skips whoever is excluded at this moment. Periods go back from when the message was planned."""
        del now
        if chunk.ids is None or ready.message.audience.exclude is None:
            return Decision()
        found = await audiences.excluded(
            self._db,
            app_id=chunk.key.app_id,
            bucket=chunk.key.bucket,
            ids=[device.subscription_id for device in devices],
            audience=ready.message.audience.exclude,
            names=await ready.names.current(),
            now=ready.message.planned_at,
        )
        return Decision(fates=dict.fromkeys(found, _EXCLUDED))
