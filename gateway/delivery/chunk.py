"""One chunk from its claim to its end: group after group is read, sent and settled.

A group does not wait for its slowest. After two seconds (`LATE_AFTER_S`) whoever has an answer is settled, and those
who are still being tried go on in a chunk of their own, born claimed by this process in the same transaction.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from typing import Final

import msgspec

from gateway.delivery import figures, settle
from gateway.delivery.deciding import decided
from gateway.delivery.group import Group, Prepared, Stay
from gateway.delivery.ports import FREE, Clock, Grant, Pacer, Source, Work
from gateway.delivery.room import Room
from gateway.delivery.send import GroupSender, Sending
from gateway.delivery.singles import Singles
from gateway.model.delivery import Device
from gateway.model.errors import StoreUnavailable
from gateway.model.limits import GROUP_RECIPIENTS_MAX, GROUP_RECIPIENTS_MIN, LATE_AFTER_S
from gateway.model.work import Chunk, GroupResult, Handover, Hold
from gateway.policy.ending import Fate
from gateway.store.chunks import LeaseLost
from gateway.telemetry import LEASES_LOST, log

_GROUPS_PER_TURN: Final = 4
"""Groups of a chunk before others have their turn."""
_BACK_OFF_S: Final = (0.2, 0.5, 1.0, 2.0)
_FAULTS_MAX: Final = 5
"""Tries to settle a group against a fault that is not "the database is away"."""

GoOn = Callable[[Coroutine[None, None, None], Chunk], None]
"""Starts work on a chunk that is ours already."""


class ChunkRunner:
    """Sends chunks for one process; `go_on` keeps what it starts itself."""

    def __init__(
        self,
        *,
        work: Work,
        source: Source,
        sender: GroupSender,
        room: Room,
        clock: Clock,
        dice: random.Random,
        go_on: GoOn,
        late_after_s: float = LATE_AFTER_S,
        throttle: Pacer | None = None,
    ) -> None:
        self._work = work
        self._source = source
        self._sender = sender
        self._room = room
        self._clock = clock
        self._dice = dice
        self._go_on = go_on
        self._late_after_s = late_after_s
        self._throttle = throttle
        self._singles = Singles(work)

    async def aclose(self) -> None:
        """Waits for what is being written."""
        await self._singles.aclose()

    async def run(self, chunk: Chunk) -> None:
        """Up to four groups of a claimed chunk, then it goes back to the queue, unless it is done."""
        try:
            await self._send_groups(chunk)
        except StoreUnavailable:
            log("delivery").warning("chunk_left", message=chunk.key.message_id, bucket=chunk.key.bucket)
            await self._give_back(chunk)

    async def run_handover(self, handover: Handover) -> None:
        """Sends a chunk that was born claimed, its devices with it, without reading anything."""
        ready = await self._source.prepare(handover.message)
        chunk = handover.chunk
        group = Group(handover.devices, [], chunk.hi, is_last=True)
        group, sending = await self._started(chunk, ready, group)
        try:
            await self._see_through(handover, ready, group, sending)
        finally:
            group.left()

    async def _see_through(self, handover: Handover, ready: Prepared, group: Group, sending: Sending) -> None:
        """Waits for all of a chunk that was born claimed, and settles it."""
        chunk = handover.chunk
        await sending.wait()
        # Its devices were read after this moment: one that came back with a new address since is not closed.
        read_at = handover.message.planned_at
        result = settle.result_of(chunk, ready, group, sending.fates, read_at=read_at, dice=self._dice)
        await self._singles.settle(result, is_whole=handover.is_whole)
        group.settled(result, now_s=self._clock.now_s())
        figures.count(group, sending.fates, result, now=self._clock.now(), planned_at=ready.message.planned_at)

    async def _give_back(self, chunk: Chunk) -> None:
        """Frees a chunk once the database is there again; if it stays away, the lease runs out and does the same."""
        for pause_s in _BACK_OFF_S:
            await asyncio.sleep(pause_s)
            with contextlib.suppress(StoreUnavailable):
                await self._work.release(chunk)
                return

    async def _send_groups(self, chunk: Chunk) -> None:
        ready = await self._source.prepared(chunk.key.app_id, chunk.key.message_id)
        if ready is None:
            await self._work.abandon(chunk)
            return
        for _ in range(_GROUPS_PER_TURN):
            grant = FREE if self._throttle is None else await self._throttle.grant(ready, now=self._clock.now())
            if not grant.recipients:
                await self._work.release(chunk, delay_s=grant.wait_s)
                return
            settled = await self._send_group(chunk, ready, grant)
            if settled is None:
                return
            chunk = settled.chunk
            if settled.hold is not Hold.NONE or self._sender.halts(chunk.key.app_id):
                break
        await self._work.release(chunk)

    async def _send_group(self, chunk: Chunk, ready: Prepared, grant: Grant) -> "_Settled | None":
        """The chunk behind its next group; None when it is done, given back, or not ours any more."""
        most = min(grant.recipients, GROUP_RECIPIENTS_MAX)
        held = await self._room.take(at_least=min(GROUP_RECIPIENTS_MIN, most), at_most=most)
        try:
            read_at = self._clock.now()
            group = await self._source.next_group(chunk, ready, limit=held)
            self._room.give_back(held - len(group.devices))
            held = len(group.devices)
            self._work.served(chunk, held)
            group, sending = await self._started(chunk, ready, group)
            try:
                await self._give_back_unused(ready, grant, used=sending.fates.count(None))
                await self._most_of(sending)
                fates = list(sending.fates)
                wait_s = settle.put_off_s(chunk, group, fates)
                if wait_s is not None:
                    group.left()
                    await self._work.release(chunk, delay_s=wait_s, lane=settle.lane_of(fates))
                    return None
                result = settle.result_of(chunk, ready, group, fates, read_at=read_at, dice=self._dice)
                hold = await self._settle_stubbornly(result)
                group.settled(result, now_s=self._clock.now_s())
            except BaseException:
                sending.cancel()
                group.left()
                raise
            if result.late is not None:
                late = _late_of(group, fates, read_at)
                held -= len(late.devices)
                self._go_on(self._finish(result.late, ready, late, sending), result.late)
        except LeaseLost:
            LEASES_LOST.inc()
            await self._work.release(chunk)
            return None
        finally:
            self._room.give_back(held)
        figures.count(group, fates, result, now=self._clock.now(), planned_at=ready.message.planned_at)
        if result.is_finished:
            await self._work.close(chunk.key.app_id, chunk.key.message_id)
            return None
        return _Settled(settle.advanced(chunk, result), hold)

    async def _started(self, chunk: Chunk, ready: Prepared, group: Group) -> tuple[Group, Sending]:
        """The group on its way, but for those whom a rule holds or skips; and the group with what they were given."""
        credentials = await self._source.credentials(chunk.key.app_id)
        fates: Sequence[Fate | None] = ()
        if ready.rules:
            group, fates = await decided(ready.rules, ready, chunk, group, now=self._clock.now())
        sending = self._sender.start(
            ready, group.devices, credentials, attempt=chunk.key.attempt, strikes=chunk.strikes, fates=fates
        )
        return group, sending

    async def _give_back_unused(self, ready: Prepared, grant: Grant, *, used: int) -> None:
        """Lets others have what a throttled message may send and this group does not."""
        if self._throttle is not None:
            with contextlib.suppress(StoreUnavailable):  # then it goes out a little slower
                await self._throttle.give_back(ready, grant, used=used)

    async def _most_of(self, sending: Sending) -> None:
        """Waits for the group, but not for its slowest; a process that stops has nothing better to do."""
        while not await sending.wait(self._late_after_s) and self._sender.is_stopping:
            continue

    async def _finish(self, chunk: Chunk, ready: Prepared, group: "_Late", sending: Sending) -> None:
        """Settles those who were late, once they have an answer."""
        try:
            await sending.wait()
            fates = [sending.fates[place] for place in group.places]
            rest = Group(group.devices, [], chunk.hi, is_last=True, stays=group.stays)
            result = settle.result_of(chunk, ready, rest, fates, read_at=group.read_at, dice=self._dice)
            await self._settle_stubbornly(result)
            rest.settled(result, now_s=self._clock.now_s())
        except LeaseLost:
            LEASES_LOST.inc()
            return
        except BaseException:
            sending.cancel()
            raise
        finally:
            for stay in group.stays:
                stay.left()
            self._room.give_back(len(group.devices))
        figures.count(rest, fates, result, now=self._clock.now(), planned_at=ready.message.planned_at)
        with contextlib.suppress(StoreUnavailable):  # the loop that closes messages does it then
            await self._work.close(chunk.key.app_id, chunk.key.message_id)

    async def _settle_stubbornly(self, result: GroupResult) -> Hold:
        """Settles as soon as the database is there. What was sent is never forgotten while this process lives.

        A commit whose answer was lost is not written twice: the next try finds another cursor.
        """
        tries = 0
        while True:
            try:
                return await self._work.settle(result)
            except StoreUnavailable:
                await asyncio.sleep(_BACK_OFF_S[min(tries, len(_BACK_OFF_S) - 1)])
                tries += 1
            except LeaseLost:
                raise
            except Exception as fault:
                # Forgetting what was sent sends it again: a fault of ours has to show itself a few times first.
                if tries >= _FAULTS_MAX:
                    raise
                log("delivery").error("settle_failed_inside", exc_info=fault)
                await asyncio.sleep(_BACK_OFF_S[-1])
                tries += 1


class _Settled(msgspec.Struct, frozen=True):
    chunk: Chunk
    hold: Hold


class _Late(msgspec.Struct, frozen=True):
    """Those of a group who had no answer yet: where they stood in it."""

    places: list[int]
    devices: list[Device]
    read_at: datetime
    stays: tuple[Stay, ...]


def _late_of(group: Group, fates: list[Fate | None], read_at: datetime) -> _Late:
    places = [place for place, fate in enumerate(fates) if fate is None]
    return _Late(places, [group.devices[place] for place in places], read_at, group.stays)
