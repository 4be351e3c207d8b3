"""Uses a worker's idle time before a scheduled message: makes what its pushes will need, as far as that has no content.

Each worker works for a share of the recipients, a range of ids, and claims chunks of that range first when the message
is due (`StoredWork.prefer`). All of it is a cache: a worker that dies or a share that changes costs time, nothing else.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from gateway.delivery.feed import Feed
from gateway.delivery.group import Prepared
from gateway.delivery.stored import StoredWork
from gateway.model.app import App
from gateway.model.ids import ID_BITS
from gateway.model.limits import AHEAD_S, GROUP_RECIPIENTS_MAX
from gateway.model.work import Chunk, ChunkKey
from gateway.store import messages, processes
from gateway.store.database import Database
from gateway.telemetry import MADE_AHEAD
from gateway.transports.base import Transport

_PER_TURN: Final = 16
"""About a millisecond of work, then whatever else this process has to do."""
_MESSAGES_MAX: Final = 8
_HEARD_WITHIN_S: Final = 30


class Ahead:
    """Runs as a loop in a worker. `is_idle`: whether nothing is being sent at this moment."""

    def __init__(
        self,
        db: Database,
        feed: Feed,
        work: StoredWork,
        transports: Mapping[str, Transport],
        *,
        owner: int,
        is_idle: Callable[[], bool],
    ) -> None:
        self._db = db
        self._feed = feed
        self._work = work
        self._transports = transports
        self._owner = owner
        self._is_idle = is_idle
        self._done: dict[tuple[int, int], tuple[int, int]] = {}

    async def run(self) -> int:
        """One round; how many recipients something was made for. Ends as soon as there is something to send."""
        coming = await messages.coming(self._db, within_s=AHEAD_S, limit=_MESSAGES_MAX)
        if not coming:
            return 0
        share = share_of(self._owner, await processes.ids_heard(self._db, role="worker", within_s=_HEARD_WITHIN_S))
        self._done = {key: kept for key, kept in self._done.items() if kept == share}
        made = 0
        for message in coming:
            key = (message.app_id, message.id)
            app = await self._feed.app(message.app_id)
            if key in self._done or app is None or not self._is_idle():
                continue
            self._work.prefer(*key, share)
            made += await self._make_for(app, await self._feed.compile(message.on_its_way()), share)
            if self._is_idle():
                self._done[key] = share
        return made

    async def _make_for(self, app: App, ready: Prepared, share: tuple[int, int]) -> int:
        """Goes through the recipients of a share as they are now; ends at a group that nothing was made for."""
        total = 0
        for bucket in app.buckets:
            chunk = _whole_share(app, bucket, ready, share)
            while self._is_idle():
                group = await self._feed.next_group(chunk, ready, limit=GROUP_RECIPIENTS_MAX)
                made = 0
                for number, device in enumerate(group.devices, start=1):
                    made += self._transports[device.provider].make_ahead(device.wire)
                    if not number % _PER_TURN:
                        await asyncio.sleep(0)
                MADE_AHEAD.inc(made)
                total += made
                if group.is_last:
                    break
                if not made:
                    return total
                chunk = msgspec.structs.replace(chunk, cursor=group.cursor)
        return total


def share_of(owner: int, workers: list[int]) -> tuple[int, int]:
    """The range of subscription ids (both included) that is this worker's, of all there are."""
    known = sorted({*workers, owner})
    place, count = known.index(owner), len(known)
    ids = 1 << ID_BITS
    return ids * place // count, ids * (place + 1) // count - 1


def _whole_share(app: App, bucket: int, ready: Prepared, share: tuple[int, int]) -> Chunk:
    """A chunk that nobody plans: only to read by."""
    lo, hi = share
    return Chunk(
        key=ChunkKey(app.id, bucket, ready.message.id, 0, lo, 0), hi=hi, cursor=lo - 1, ids=None, strikes=0, claim_no=0,
        expected=0, seen=0, tally={},
    )  # fmt: skip
