"""A stretch of a bucket, as a process that sends under caps knows it: what came lately, who is on the way, the lease.

A stretch holds about as many devices as a chunk of a large campaign: processes send side by side in one bucket.
"""

import asyncio
from collections.abc import Collection, Iterable, Sequence

from gateway.model.work import GroupResult
from gateway.policy.caps import Kind, Seen
from gateway.policy.recent import Recent, reached
from gateway.policy.tally import Tally

StretchKey = tuple[int, int, int]
"""(app, bucket, stretch)."""


class Look:
    """How far a stretch knows what the store has of it."""

    def __init__(self) -> None:
        self.reaches_back_to_s = float("inf")
        """The oldest moment that all is known of."""
        self.kinds: frozenset[Kind] = frozenset()
        """Of which."""
        self.heard_until_s = float("-inf")
        """The time of the newest row that was read."""
        self.looked_at_s = float("-inf")
        """When the store was last asked for what came."""

    def is_deep(self, since_s: float, kinds: Collection[Kind]) -> bool:
        """Whether all of these was read once, from that moment on."""
        return self.reaches_back_to_s <= since_s and self.kinds.issuperset(kinds)


class Stretch:
    """Kept by `pressure.Pressure`. Nothing here waits for the database."""

    def __init__(self, key: StretchKey, ids: tuple[int, int]) -> None:
        """`ids`: the first and the last that may lie in it."""
        self.key = key
        self.ids = ids
        self.tally = Tally()
        self.recent = Recent()
        self.tally_look = Look()
        self.recent_look = Look()
        self.fence: int | None = None
        """Under which both were last complete; None: they never were."""
        self.may_be_torn = True
        """Whether somebody may have died here since our last turn, and it is not known who they had on the way."""
        self.guests = 0
        """Groups that are about to be let in: the lease must not be given up under them."""
        self.used_at_s = 0.0
        self.held_until_s = float("-inf")
        """The lease is surely ours until then."""
        self.asked_at_s = float("-inf")
        """When the lease was last asked for."""
        self.asking = asyncio.Lock()
        self._stays: set[Stay] = set()
        self._changed = asyncio.Event()

    @property
    def is_busy(self) -> bool:
        """Whether anybody is on the way, or about to be."""
        return bool(self._stays) or self.guests > 0

    def on_their_way(self, ids: Collection[int], *, besides: int) -> set[int]:
        """Of these, who is being sent another message than `besides`: nobody knows yet whether it counts."""
        busy: set[int] = set()
        for stay in self._stays:
            if stay.message_id != besides:
                busy |= stay.ids.intersection(ids)
        return busy

    def messages(self) -> set[int]:
        """Those that came to many, and those that are on their way to anybody."""
        return {*self.tally.shared, *(stay.message_id for stay in self._stays)}

    def fenced(self, fence: int) -> None:
        """The lease is ours under this fence: another process may have sent here if it was under another one."""
        if fence != self.fence:
            self.fence, self.may_be_torn = fence, True
            self.tally_look.looked_at_s = self.recent_look.looked_at_s = float("-inf")

    def stay(self, message_id: int, kind: Kind, ids: Iterable[int]) -> "Stay":
        """Notes who is on the way from now on."""
        stay = Stay(self, message_id, kind, frozenset(ids))
        self._stays.add(stay)
        return stay

    async def change(self, within_s: float) -> None:
        """Waits until somebody has arrived, or for so long."""
        self._changed.clear()
        try:
            async with asyncio.timeout(within_s):
                await self._changed.wait()
        except TimeoutError:
            return

    def end(self, stay: "Stay") -> None:
        """Nobody of it is on the way any more."""
        self._stays.discard(stay)
        self._changed.set()


class Stay:
    """Those of one group who are on their way. The lease is kept for as long."""

    def __init__(self, stretch: Stretch, message_id: int, kind: Kind, ids: frozenset[int]) -> None:
        self._stretch = stretch
        self._kind = kind
        self.message_id = message_id
        self.ids = ids

    def settled(self, result: GroupResult, *, now_s: float) -> None:
        """What became of them is in the store: whoever was reached counts, and only the late are still on the way."""
        key = result.chunk.key
        seen = Seen(self.message_id, now_s, self._kind)
        if result.ids:
            alone = result.ids[0] if len(result.ids) == 1 else None
            self._stretch.tally.add(self.message_id, now_s, alone=alone)
            self._stretch.recent.add(
                (key.message_id, result.ids[0], key.attempt),
                seen,
                reached(result.ids, result.codes, within=self._stretch.ids),
            )
        late: Sequence[int] = () if result.late is None or result.late.ids is None else result.late.ids
        self.ids = self.ids.intersection(late)
        if not self.ids:
            self.left()

    def left(self) -> None:
        """Nothing more is heard of them here. Called twice, it does nothing."""
        self._stretch.end(self)
