"""What the engine stands on: a store of work, a source of recipients, an end for messages.

The engine gets them as arguments; `delivery.stored` and `delivery.feed` have the real ones, and a simulation may bring
its own, with its own clock.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol

import msgspec

from gateway.delivery.group import Group, Prepared
from gateway.model.limits import GROUP_RECIPIENTS_MAX
from gateway.model.message import Message
from gateway.model.work import Chunk, GroupResult, Hold
from gateway.transports.base import Credential


class Clock(Protocol):
    """The time that all processes agree on."""

    def now_s(self) -> float:
        """Unix time in seconds."""
        ...

    def now(self) -> datetime:
        """Aware, in UTC."""
        ...


class Work(Protocol):
    """Chunks under leases, for one process. Each call raises `StoreUnavailable` while the store is away."""

    async def claim(self, places: int) -> list[Chunk]:
        """Takes up to so many due chunks; whose, is a matter of turns."""
        ...

    def served(self, chunk: Chunk, recipients: int) -> None:
        """Tells whose recipients were read, so that others have their turn."""
        ...

    async def renew(self, held: Sequence[Chunk]) -> None:
        """Prolongs the leases of what is still ours."""
        ...

    async def release(self, chunk: Chunk, *, delay_s: float = 0.0, lane: int | None = None) -> None:
        """Gives a chunk back, to be claimed again after `delay_s`; nothing if it is not ours any more.

        lane: the mark of the one that is waited for (`policy.standstill`); when it runs again, the wait is over.
        """
        ...

    async def release_all(self) -> None:
        """Gives back whatever this process holds."""
        ...

    async def abandon(self, chunk: Chunk) -> None:
        """Ends a chunk whose message is not there any more."""
        ...

    async def settle(self, result: GroupResult) -> Hold:
        """Writes what became of a group, all of it or nothing. Raises `LeaseLost` when the chunk is not ours."""
        ...

    async def settle_singles(self, results: Sequence[GroupResult], *, whole: Collection[int]) -> set[int]:
        """The same for born-claimed chunks of one bucket together; the messages whose chunk was still ours."""
        ...

    async def close(self, app_id: int, message_id: int) -> bool:
        """Closes a message if nothing of it waits or is under way; whether this call did."""
        ...


class Source(Protocol):
    """Messages ready for sending, and their recipients as of now."""

    async def prepared(self, app_id: int, message_id: int) -> Prepared | None:
        """The message of a chunk, compiled; None when it, or its app, is not there any more."""
        ...

    async def prepare(self, message: Message) -> Prepared:
        """Compiles a message that is at hand."""
        ...

    async def credentials(self, app_id: int) -> Mapping[int, Credential]:
        """Every credential that recipients may name."""
        ...

    async def next_group(self, chunk: Chunk, ready: Prepared, *, limit: int) -> Group:
        """The recipients behind the chunk's cursor, at most `limit`."""
        ...


class Grant(msgspec.Struct, frozen=True):
    """So many recipients may go now; none: not for `wait_s`. per_minute: the rate that they were taken from, if any."""

    recipients: int
    wait_s: float = 0.0
    per_minute: int | None = None


FREE: Final = Grant(GROUP_RECIPIENTS_MAX)
"""Of a message without a rate."""


class Pacer(Protocol):
    """The rates that messages were given by their senders."""

    async def grant(self, ready: Prepared, *, now: datetime) -> Grant:
        """How many recipients of a message may go now, or how long nobody may. Raises `StoreUnavailable`."""
        ...

    async def give_back(self, ready: Prepared, grant: Grant, *, used: int) -> None:
        """Tells that only so many of those who might have gone did. Raises `StoreUnavailable`."""
        ...
