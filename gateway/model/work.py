"""Chunks: the unit of work of a message."""

from datetime import date, datetime
from enum import IntEnum
from typing import Final

import msgspec

from gateway.model.delivery import Device
from gateway.model.message import Message


class ChunkState(IntEnum):
    """Numbers are for ever."""

    DUE = 0
    CLAIMED = 1
    DONE = 2


class Hold(IntEnum):
    """What was said of the message while its chunks were under way. Numbers are for ever."""

    NONE = 0
    PAUSED = 1
    CANCELLED = 2


class MessageKind(IntEnum):
    """Numbers are for ever."""

    CAMPAIGN = 1
    NAMED = 2
    """To people or devices named one by one."""


class ChunkKey(msgspec.Struct, frozen=True):
    """The full primary key: every statement on a chunk names all of it."""

    app_id: int
    bucket: int
    message_id: int
    part: int
    lo: int
    attempt: int


REST_PARTS_FROM: Final = 16_384
"""Parts from here on are of those who wait for the winner of an experiment: part p's people in it have part p, the
others REST_PARTS_FROM + p."""


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """A claimed piece of work: a range of ids behind a cursor, or (`ids`) a list. `claim_no` is the fence."""

    key: ChunkKey
    hi: int
    cursor: int
    ids: list[int] | None
    strikes: int
    claim_no: int
    expected: int
    seen: int
    tally: dict[str, int]
    torn: int = 0
    """So many behind the cursor may have been sent by somebody who died; at most, nobody knows."""

    @property
    def is_rest(self) -> bool:
        """Whether it is of those who wait for the winner of an experiment."""
        return self.key.part >= REST_PARTS_FROM

    @property
    def is_first_of_phase(self) -> bool:
        """Whether it holds everybody of the plan; those to be tried again have chunks that hold nobody else."""
        return self.key.attempt == (1 if self.is_rest else 0)


class Turn(msgspec.Struct, frozen=True):
    """So many chunks of one message are to be claimed."""

    app_id: int
    message_id: int
    chunks: int


class NewChunk(msgspec.Struct, frozen=True, kw_only=True):
    """Work to be done. With `owner` it is born claimed by that process."""

    key: ChunkKey
    hi: int
    ids: list[int] | None = None
    strikes: int = 0
    expected: int = 0
    delay_s: float = 0.0
    lane: int | None = None
    """The mark of the lane that is waited for, if any (`policy.standstill`)."""


class Handover(msgspec.Struct, frozen=True, kw_only=True):
    """A chunk that was born claimed by the process that accepted its message, with all that sending it needs.

    is_whole: the message has no other chunk.
    """

    message: Message
    chunk: Chunk
    devices: list[Device]
    is_whole: bool


class ChunkSum(msgspec.Struct, frozen=True):
    """What one chunk adds to its message's counts: recipients expected at planning, read so far, and their ends."""

    attempt: int
    is_done: bool
    is_cancelled: bool
    expected: int
    seen: int
    tally: dict[str, int]


class GroupResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one group: everything that is settled together, or not at all.

    ids and codes: terminal ends only, in id order. retries: chunks that take over who is to be tried again. gone:
    addresses to close, each with the moment that is known of: one registered after it stays. late: who is still being
    tried, so that the others need not wait for them; born claimed by the process that tries.
    """

    chunk: Chunk
    day: date
    cursor: int
    seen: int
    tally: dict[str, int]
    is_finished: bool
    ids: list[int]
    codes: bytes
    retries: list[NewChunk]
    gone: dict[int, datetime]
    suspects: list[int]
    cleared: list[int]
    read_at: datetime
    late: Chunk | None = None
    category: int = 0
    """What its outcomes count as for frequency caps (`policy.caps.Kind`)."""
    deferred: int = 0
    """Those of the group who wait for the winner of an experiment: the chunk of the rest expects so many more."""


class PlaceKey(msgspec.Struct, frozen=True):
    """What decides about somebody's hour: the zone and country that are known ("": none), and their best hour (-1)."""

    zone: str
    country: str
    best_hour: int


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A group of a message's recipients that is due at a moment of its own: all whose place is one of `keys`."""

    number: int
    due_at: datetime
    keys: tuple[PlaceKey, ...]
    recipients: int
