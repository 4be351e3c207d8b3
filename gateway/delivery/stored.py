"""The work of one process, kept in the store: what is claimed, by whose turn, under which lease."""

import time
from collections.abc import Callable, Collection, Sequence
from typing import Final

from gateway.delivery import closing
from gateway.delivery.keys import Keys
from gateway.model.errors import StoreUnavailable
from gateway.model.limits import CLAIM_CANDIDATES_MAX, GROUP_RECIPIENTS_MAX
from gateway.model.work import Chunk, GroupResult, Hold, Turn
from gateway.policy.turns import Turns
from gateway.store import chunks, singles
from gateway.store.chunks import EVERYBODY
from gateway.store.database import Database

_PREFERRED_MAX: Final = 64
_START: Final = (0, 0)
_LOOKS_MAX: Final = 8
"""Looks of one claim; the next claim goes on from there."""


class StoredWork:
    """`delivery.ports.Work` on Postgres."""

    def __init__(
        self,
        db: Database,
        keys: Keys,
        *,
        owner: int,
        lease_s: int,
        clock: Callable[[], float] = time.monotonic,
        is_held: Callable[[int, int], bool] = lambda _app_id, _message_id: False,
    ) -> None:
        self._db = db
        self._keys = keys
        self._owner = owner
        self._lease_s = lease_s
        self._turns = Turns(clock)
        self._is_held = is_held
        self._after = _START
        self._preferred: dict[tuple[int, int], tuple[int, int]] = {}

    async def claim(self, places: int) -> list[Chunk]:
        """Looks who has something due, from where the last look ended, and takes chunks in turn."""
        turns = self._turns.choose(await self._due(), places=places, recipients_each=GROUP_RECIPIENTS_MAX)
        found: list[Chunk] = []
        for turn in turns:
            try:
                found += await self._claim(turn)
            except StoreUnavailable:
                if not found:
                    raise
                break  # what is ours already must not wait for its lease
        return found

    def prefer(self, app_id: int, message_id: int, ids: tuple[int, int]) -> None:
        """Of this message, chunks of this range of ids first: something was made ahead for them."""
        self._preferred[app_id, message_id] = ids
        if len(self._preferred) > _PREFERRED_MAX:
            del self._preferred[next(iter(self._preferred))]

    def served(self, chunk: Chunk, recipients: int) -> None:
        """Counts for the turns."""
        self._turns.served(chunk.key.app_id, chunk.key.message_id, recipients)

    async def renew(self, held: Sequence[Chunk]) -> None:
        """Prolongs the leases of what is still ours."""
        await chunks.renew(self._db, held, lease_s=self._lease_s)

    async def release(self, chunk: Chunk, *, delay_s: float = 0.0, lane: int | None = None) -> None:
        """Gives a chunk back."""
        await chunks.release(self._db, chunk, delay_s=delay_s, lane=lane)

    async def release_all(self) -> None:
        """Gives back whatever this process holds, claims whose answer was lost included."""
        await chunks.release_owned(self._db, owner=self._owner)

    async def abandon(self, chunk: Chunk) -> None:
        """Ends a chunk whose message is not there any more."""
        await chunks.abandon(self._db, chunk)

    async def settle(self, result: GroupResult) -> Hold:
        """One try; raises `LeaseLost`, `StoreUnavailable`."""
        return await chunks.settle(self._db, result, owner=self._owner, lease_s=self._lease_s)

    async def settle_singles(self, results: Sequence[GroupResult], *, whole: Collection[int]) -> set[int]:
        """Born-claimed chunks of one bucket of one app, together."""
        return await singles.settle(self._db, results, whole=whole)

    async def _due(self) -> list[tuple[int, int]]:
        """The next messages that have something due. Those whose chunks all wait for their time are passed over.

        Goes on behind the last look, round and round: a thousand messages that wait must not hide the one behind them.
        """
        for _ in range(_LOOKS_MAX):
            due = await chunks.due(self._db, after=self._after, limit=CLAIM_CANDIDATES_MAX)
            was_start, self._after = self._after == _START, due.looked_until
            pairs = [pair for pair in due.pairs if not self._is_held(*pair)]
            if pairs or (was_start and self._after == _START):
                return pairs
        return []

    async def _claim(self, turn: Turn) -> list[Chunk]:
        """Chunks of one message; the preferred range first, then whatever there is."""
        ids = self._preferred.get((turn.app_id, turn.message_id), EVERYBODY)
        found = await chunks.claim(self._db, turn, ids=ids, owner=self._owner, lease_s=self._lease_s)
        if ids is not EVERYBODY and not found:
            found = await chunks.claim(self._db, turn, ids=EVERYBODY, owner=self._owner, lease_s=self._lease_s)
        return found

    async def close(self, app_id: int, message_id: int) -> bool:
        """Closes the message if that was the last of it."""
        return await closing.close_of(self._db, self._keys, app_id, message_id)
