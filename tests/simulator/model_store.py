"""The store as a model: chunks with cursors, leases and fences, ends, devices, messages; all of it in a few dicts.

Each method is one transaction of the real store, with the same conditions, written down a second time. Losing it on the
way (before it, or its answer after it) is the business of `link.py`.
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Final

import msgspec

from gateway.model.delivery import Code, Device
from gateway.model.message import MessageState
from gateway.model.work import Chunk, ChunkKey, ChunkSum, GroupResult, Hold, NewChunk
from gateway.policy.counting import folded
from gateway.store.chunks import LeaseLost

_OPEN: Final = (MessageState.SENDING, MessageState.PAUSED, MessageState.CANCELLED)


class Row(msgspec.Struct):
    """A chunk as the table has it."""

    chunk: Chunk
    state: int = 0
    hold: Hold = Hold.NONE
    due_s: float = 0.0
    lease_until_s: float = 0.0
    owner: int | None = None


class ModelDevice(msgspec.Struct):
    """A subscription. `state`: 0 live, 1 closed by us, 2 left."""

    device: Device
    registered_s: float
    state: int = 0
    left_s: float = float("inf")


class ModelStore:
    """What is true, whoever knows it."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self.rows: dict[ChunkKey, Row] = {}
        self.ends: list[tuple[int, int, int]] = []
        """(message, subscription, code)."""
        self.devices: dict[int, ModelDevice] = {}
        self.states: dict[int, MessageState] = {}
        self.tallies: dict[int, dict[str, int]] = {}
        self.is_away = False

    # --- work ---------------------------------------------------------------------------------------------------------

    def insert(self, new: NewChunk, *, hold: Hold = Hold.NONE) -> None:
        """Adds work; what is there already stays as it is."""
        if new.key not in self.rows:
            chunk = Chunk(
                key=new.key, hi=new.hi, cursor=new.key.lo - 1, ids=new.ids, strikes=new.strikes, claim_no=0,
                expected=new.expected, seen=0, tally={},
            )  # fmt: skip
            self.rows[new.key] = Row(chunk, hold=hold, due_s=self._now_s() + new.delay_s)

    def insert_claimed(self, chunk: Chunk, *, owner: int, lease_s: float, hold: Hold = Hold.NONE) -> None:
        """Adds work that was born claimed."""
        assert chunk.key not in self.rows, f"a chunk is there twice: {chunk.key}"
        self.rows[chunk.key] = Row(
            chunk, state=1, hold=hold, owner=owner, lease_until_s=self._now_s() + lease_s, due_s=self._now_s()
        )

    def claim(self, *, owner: int, places: int, lease_s: float) -> list[Chunk]:
        """Takes due chunks, those longest due first."""
        now_s = self._now_s()
        due = sorted(
            (row for row in self.rows.values() if row.state == 0 and row.hold is Hold.NONE and row.due_s <= now_s),
            key=lambda row: row.due_s,
        )
        for row in due[:places]:
            row.state, row.owner, row.lease_until_s = 1, owner, now_s + lease_s
            row.chunk = msgspec.structs.replace(row.chunk, claim_no=row.chunk.claim_no + 1)
        return [row.chunk for row in due[:places]]

    def renew(self, held: Sequence[Chunk], *, lease_s: float) -> None:
        """Prolongs what is still theirs."""
        for chunk in held:
            row = self._ours(chunk)
            if row is not None:
                row.lease_until_s = self._now_s() + lease_s

    def release(self, chunk: Chunk, *, delay_s: float) -> None:
        """Gives back; nothing if it is somebody else's."""
        row = self._ours(chunk)
        if row is not None:
            row.state, row.owner, row.due_s = 0, None, self._now_s() + delay_s

    def release_owned(self, owner: int) -> None:
        """What a process held that is known to be dead, or that stops."""
        self._free(row for row in self.rows.values() if row.owner == owner)

    def release_expired(self) -> None:
        """What a silent process held."""
        now_s = self._now_s()
        self._free(row for row in self.rows.values() if row.lease_until_s < now_s)

    def _free(self, rows: "Collection[Row] | object") -> None:
        for row in list(rows):  # pyright: ignore[reportArgumentType] - any iterable
            if row.state == 1:
                row.state, row.owner, row.due_s = 0, None, self._now_s()

    def abandon(self, chunk: Chunk) -> None:
        """Ends a chunk whose message is not there any more."""
        row = self._ours(chunk)
        if row is not None:
            row.state = 2

    def settle(self, result: GroupResult, *, owner: int, lease_s: float) -> Hold:
        """All of a group, if counter and cursor are those that the worker knows; else `LeaseLost` and nothing."""
        row = self._ours(result.chunk)
        if row is None or row.chunk.cursor != result.chunk.cursor:
            return self._settled_before(result)
        self._advance(row, result)
        row.lease_until_s = self._now_s() + lease_s
        self._record(result, row.hold)
        if result.late is not None:
            self.insert_claimed(result.late, owner=owner, lease_s=lease_s, hold=row.hold)
        return row.hold

    def settle_singles(self, results: Sequence[GroupResult], *, whole: Collection[int]) -> set[int]:
        """Those of them that are still theirs."""
        ours: set[int] = set()
        for result in results:
            row = self._ours(result.chunk)
            if row is None:
                continue
            message = result.chunk.key.message_id
            ours.add(message)
            self._advance(row, result)
            row.state = 2
            self._record(result, row.hold)
            if not result.retries and message in whole:
                self._finish(message, result.tally)
        return ours

    def _settled_before(self, result: GroupResult) -> Hold:
        """The answer that got lost, if it was this worker's own commit; else `LeaseLost`."""
        row = self.rows.get(result.chunk.key)
        state = 2 if result.is_finished else 1
        if row is None or (row.chunk.claim_no, row.chunk.cursor, row.state) != (
            result.chunk.claim_no, result.cursor, state,
        ):  # fmt: skip
            raise LeaseLost
        return row.hold

    def _ours(self, chunk: Chunk) -> Row | None:
        row = self.rows.get(chunk.key)
        return row if row is not None and row.state == 1 and row.chunk.claim_no == chunk.claim_no else None

    def _advance(self, row: Row, result: GroupResult) -> None:
        row.chunk = msgspec.structs.replace(row.chunk, cursor=result.cursor, seen=result.seen, tally=dict(result.tally))
        row.state = 2 if result.is_finished else 1

    def _record(self, result: GroupResult, hold: Hold) -> None:
        message = result.chunk.key.message_id
        self.ends += [(message, number, code) for number, code in zip(result.ids, result.codes, strict=True)]
        for new in result.retries:
            self.insert(new, hold=hold)
        for number, known_at in result.gone.items():
            self._close(number, known_at)

    def _close(self, number: int, known_at: datetime) -> None:
        device = self.devices[number]
        if device.state == 0 and device.registered_s <= known_at.timestamp():
            device.state = 1

    # --- messages -----------------------------------------------------------------------------------------------------

    def hold(self, message: int, to: Hold) -> None:
        """Pauses, resumes, cancels."""
        if self.states[message] not in (MessageState.SENDING, MessageState.PAUSED):
            return
        self.states[message] = {
            Hold.NONE: MessageState.SENDING, Hold.PAUSED: MessageState.PAUSED, Hold.CANCELLED: MessageState.CANCELLED,
        }[to]  # fmt: skip
        for row in self.rows.values():
            if row.chunk.key.message_id == message and row.state != 2 and row.hold is not Hold.CANCELLED:
                row.hold = to

    def close(self, message: int) -> bool:
        """Closes a message of which nothing waits or is under way."""
        if message in self.tallies or self.states[message] not in _OPEN or self.unfinished(message):
            return False
        self._finish(message, folded(self.sums(message))[1])
        return True

    def unfinished(self, message: int) -> int:
        """Chunks that are not done; cancelled ones count only while somebody holds them."""
        rows = [row for row in self.rows.values() if row.chunk.key.message_id == message]
        return sum(row.state == 1 or (row.state == 0 and row.hold is not Hold.CANCELLED) for row in rows)

    def sums(self, message: int) -> list[ChunkSum]:
        """The tallies of a message's chunks."""
        return [
            ChunkSum(
                row.chunk.key.attempt, row.state == 2, row.hold is Hold.CANCELLED, row.chunk.expected, row.chunk.seen,
                row.chunk.tally,
            )
            for row in self.rows.values()
            if row.chunk.key.message_id == message
        ]  # fmt: skip

    def _finish(self, message: int, tally: dict[str, int]) -> None:
        self.tallies[message] = tally
        if self.states[message] is not MessageState.CANCELLED:
            self.states[message] = MessageState.DONE

    def codes(self, message: int) -> Counter[Code]:
        """How many came to which end, by the rows."""
        return Counter(Code(code) for of, _, code in self.ends if of == message)
