"""One history: real engines on a model of everything else, and the things that happen to them.

A `Plan` says what happens; the same plan is the same history, event by event. In the end the weather turns fair, and
when everything had its time the evidence is handed to the judge of `tests/chaos/evidence.py`.
"""

import asyncio
import contextvars
import random
from collections.abc import Callable, Collection, Coroutine
from datetime import UTC, datetime
from typing import Any, Final, Literal, cast

import msgspec

from gateway.delivery.board import LaneBoard
from gateway.delivery.engine import Engine
from gateway.delivery.ports import Work
from gateway.delivery.send import GroupSender
from gateway.model.delivery import Device, state_of
from gateway.model.message import MessageState
from gateway.model.work import Chunk, ChunkKey, Handover, Hold, NewChunk
from gateway.policy.counting import counts_of, folded
from tests.chaos.evidence import End, Evidence, Kill, Order
from tests.simulator import virtual_time
from tests.simulator.link import Link, ModelWork, Odds
from tests.simulator.model_service import NAME, ModelService, ModelTransport, Mood
from tests.simulator.model_source import APP, ModelSource, message_of
from tests.simulator.model_store import ModelDevice, ModelStore
from tests.simulator.virtual_time import PROCESS, VirtualTimeLoop

LEASE_S: Final = 60
GROUPS_MAX: Final = 2
DRAIN_S: Final = 15.0
_REAP_EVERY_S: Final = 1.0
_END_S: Final = 4 * 3600.0
"""So long everything has to come to its end in fair weather: the longest wait of a recipient is an hour."""

What = Literal["crash", "vanish", "sleep", "stop", "away", "pause", "resume", "cancel", "leave", "return"]


class Event(msgspec.Struct, frozen=True):
    """Something happens `after_s` the one before it, to the `which`th of its kind, and lasts `for_s`."""

    what: What
    after_s: float = 1.0
    which: int = 0
    for_s: float = 5.0


class Sent(msgspec.Struct, frozen=True):
    """A message to devices first..first+size-1, in so many chunks; `single`: handed to a process, born claimed."""

    after_s: float = 0.0
    first: int = 1
    size: int = 10
    chunks: int = 2
    ttl_s: int = 20_000
    is_single: bool = False


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """All of a history."""

    seed: int = 0
    workers: int = 2
    devices: int = 40
    messages: tuple[Sent, ...] = (Sent(),)
    events: tuple[Event, ...] = ()
    foul_s: float = 15.0
    """So long calls are lost and services are moody after the last event."""
    odds: Odds = Odds()
    mood: Mood = Mood()


Spoil = Callable[[Work], Work]
"""Breaks the work of a process on purpose, to see the judge notice."""


class Process:
    """A process of the gateway."""

    def __init__(self, world: "World", owner: int, spoil: Spoil) -> None:
        self.owner = owner
        self.under_way: set[tuple[int, int]] = set()
        """(message, recipient): read, and not settled by us."""
        self.link = Link(world.store, world.odds, world.dice)
        clock = world.clock
        work = ModelWork(self.link, owner=owner, lease_s=LEASE_S, settled=self._settled)
        transport: Any = ModelTransport(world.service, self.link)
        board = LaneBoard(cast("Any", None), clock=clock.now_s)
        self.engine = Engine(
            work=spoil(work),
            source=ModelSource(self.link, world.messages, read=self._read),
            sender=GroupSender({NAME: transport}, board, clock=clock.now_s, dice=world.dice),
            clock=clock,
            owner=owner,
            groups_max=GROUPS_MAX,
            lease_s=LEASE_S,
            dice=world.dice,
        )
        context = contextvars.copy_context()
        context.run(PROCESS.set, owner)
        self.context = context
        self.running = context.run(asyncio.get_running_loop().create_task, self.engine.run())

    def _read(self, message: int, recipients: Collection[int]) -> None:
        self.under_way |= {(message, number) for number in recipients}

    def _settled(self, message: int, recipients: Collection[int]) -> None:
        self.under_way -= {(message, number) for number in recipients}


class Clock:
    """Virtual time as the database's."""

    def now_s(self) -> float:
        """Unix time in seconds."""
        return asyncio.get_running_loop().time()

    def now(self) -> datetime:
        """Aware, in UTC."""
        return datetime.fromtimestamp(self.now_s(), UTC)


class World:
    """Store, services, processes, and what happens."""

    def __init__(self, plan: Plan, spoil: Spoil) -> None:
        self.plan = plan
        self.dice = random.Random(plan.seed)
        self.clock = Clock()
        self.store = ModelStore(self.clock.now_s)
        self.service = ModelService(self.dice)
        self.service.mood = plan.mood
        self.odds = plan.odds
        self.messages: dict[int, Any] = {}
        self.kills: list[Kill] = []
        self._spoil = spoil
        self._processes: list[Process] = []
        self._owners = 0
        self._troubles: list[asyncio.Task[None]] = []
        self._fair_since_s = 0.0
        for number in range(1, plan.devices + 1):
            device = Device(number, NAME, 1, str(number).encode(), 0, None, None)
            self.store.devices[number] = ModelDevice(device, registered_s=-1.0)

    # --- from beginning to end ----------------------------------------------------------------------------------------

    async def live(self) -> Evidence:
        """The whole history."""
        for _ in range(self.plan.workers):
            self._join()
        keeping = asyncio.create_task(self._keep_house())
        sending = asyncio.create_task(self._send_all())
        for event in self.plan.events:
            await asyncio.sleep(event.after_s)
            self._happen(event)
        await sending
        await asyncio.sleep(self.plan.foul_s)
        await asyncio.gather(*self._troubles)
        self._turn_fair()
        await self._wait_for_the_end()
        await asyncio.sleep(LEASE_S)  # whoever woke late may still do harm
        for process in self._processes:
            await process.engine.drain(DRAIN_S)
        keeping.cancel()
        return self._evidence()

    def _turn_fair(self) -> None:
        self.service.mood = Mood()
        self.store.is_away = False
        for process in self._processes:
            process.link.odds = Odds()
            process.link.wake()
        for message in self.messages:
            if self.store.states[message] is MessageState.PAUSED:
                self.store.hold(message, Hold.NONE)
        if not self._processes:
            self._join()

    async def _wait_for_the_end(self) -> None:
        until_s = self.clock.now_s() + _END_S
        while len(self.store.tallies) < len(self.messages) and self.clock.now_s() < until_s:  # noqa: ASYNC110 - a model polls
            await asyncio.sleep(1.0)

    async def _send_all(self) -> None:
        for number, sent in enumerate(self.plan.messages, start=1):
            await asyncio.sleep(sent.after_s)
            self._send(number, sent)

    def _send(self, number: int, sent: Sent) -> None:
        message = message_of(number, sent.ttl_s, self.clock.now())
        self.messages[number] = message
        self.store.states[number] = MessageState.SENDING
        last = min(sent.first + sent.size - 1, self.plan.devices)
        if sent.is_single and self._processes:
            self._hand_over(number, sent.first)
            return
        step = max(1, -(-(last - sent.first + 1) // sent.chunks))
        for lo in range(sent.first, last + 1, step):
            hi = min(lo + step - 1, last)
            self.store.insert(NewChunk(key=ChunkKey(APP, 0, number, 0, lo, 0), hi=hi, expected=hi - lo + 1))

    def _hand_over(self, number: int, recipient: int) -> None:
        process = self._one(number)
        chunk = Chunk(
            key=ChunkKey(APP, 0, number, 0, recipient, 0), hi=recipient, cursor=recipient - 1, ids=[recipient],
            strikes=0, claim_no=1, expected=1, seen=0, tally={},
        )  # fmt: skip
        self.store.insert_claimed(chunk, owner=process.owner, lease_s=LEASE_S)
        device = self.store.devices[recipient].device
        process.under_way.add((number, recipient))
        work = Handover(message=self.messages[number], chunk=chunk, devices=[device], is_whole=True)
        process.context.run(process.engine.take, [work])

    # --- what happens -------------------------------------------------------------------------------------------------

    def _happen(self, event: Event) -> None:
        match event.what:
            case "crash":
                self._die(self._one(event.which), successor_after_s=0.3)
            case "vanish":
                self._die(self._one(event.which), successor_after_s=None)
            case "sleep":
                self._aside(self._sleep(self._one(event.which), event.for_s * 5))
            case "stop":
                self._aside(self._stop(self._one(event.which)))
            case "away":
                self._aside(self._be_away(event.for_s))
            case "pause" | "resume" | "cancel":
                self._hold(event)
            case "leave":
                self._leave(event.which)
            case "return":
                self._return(event.which)

    def _one(self, which: int) -> Process:
        if not self._processes:
            self._join()
        return self._processes[which % len(self._processes)]

    def _join(self) -> None:
        self._owners += 1
        self._processes.append(Process(self, self._owners, self._spoil))

    def _die(self, process: Process, *, successor_after_s: float | None) -> None:
        """SIGKILL. Without a successor it is a whole host that is gone: only the lease frees its chunks."""
        self._note_loss(process, for_s=0.0)
        process.link.is_cut = True
        process.link.wake()
        loop = cast("VirtualTimeLoop", asyncio.get_running_loop())
        for task in list(loop.tasks_of[process.owner]):
            task.cancel()
        self._processes.remove(process)
        if successor_after_s is not None:
            self._aside(self._succeed(process.owner, successor_after_s))

    async def _succeed(self, dead: int, after_s: float) -> None:
        await asyncio.sleep(after_s)
        while self.store.is_away:  # noqa: ASYNC110 - a model polls
            await asyncio.sleep(0.2)
        self.store.release_owned(dead)
        self._join()

    async def _sleep(self, process: Process, for_s: float) -> None:
        self._note_loss(process, for_s=for_s + LEASE_S)
        process.link.sleep()
        await asyncio.sleep(for_s)
        process.link.wake()

    def _note_loss(self, process: Process, *, for_s: float) -> None:
        # Who sleeps may read one more group of each chunk that it takes for its own when it wakes.
        more = GROUPS_MAX * ModelSource.group if for_s else 0
        self.kills.append(Kill(self.clock.now_s(), 0, for_s, recipients=len(process.under_way) + more))

    async def _stop(self, process: Process) -> None:
        """SIGTERM, and a successor."""
        if process not in self._processes:
            return
        self._processes.remove(process)
        await process.engine.drain(DRAIN_S)
        if self.store.is_away:  # it had to end without writing down what it knew
            self._note_loss(process, for_s=0.0)
        await process.running
        await self._succeed(process.owner, 0.3)

    async def _be_away(self, for_s: float) -> None:
        self.store.is_away = True
        await asyncio.sleep(for_s)
        self.store.is_away = False

    def _hold(self, event: Event) -> None:
        known = sorted(self.messages)
        if known:
            to = {"pause": Hold.PAUSED, "resume": Hold.NONE, "cancel": Hold.CANCELLED}[event.what]
            self.store.hold(known[event.which % len(known)], to)

    def _leave(self, which: int) -> None:
        device = self.store.devices[which % self.plan.devices + 1]
        if device.state == 0:
            device.state, device.left_s = 2, self.clock.now_s()

    def _return(self, which: int) -> None:
        """The device is registered anew at the same place."""
        device = self.store.devices[which % self.plan.devices + 1]
        device.state, device.left_s, device.registered_s = 0, float("inf"), self.clock.now_s()

    # --- what goes on all the time ------------------------------------------------------------------------------------

    def _aside(self, doing: Coroutine[Any, Any, None]) -> None:
        self._troubles.append(asyncio.create_task(doing))

    async def _keep_house(self) -> None:
        """The loops: leases that ran out are freed, unless the database was away; messages that are over are closed."""
        while True:
            await asyncio.sleep(_REAP_EVERY_S)
            if self.store.is_away:
                self._fair_since_s = self.clock.now_s() + LEASE_S / 3 * 1.5
                continue
            if self.clock.now_s() >= self._fair_since_s:
                self.store.release_expired()
            for message in self.messages:
                self.store.close(message)

    # --- what remains -------------------------------------------------------------------------------------------------

    def _evidence(self) -> Evidence:
        return Evidence(
            promised=frozenset(self.messages),
            orders={number: self._order(number) for number in self.messages},
            pushes=sorted(self.service.ledger, key=lambda push: push.at_s),
            ends=[End(message, number, state_of(code)) for message, number, code in self.store.ends],
            open_chunks={number: self.store.unfinished(number) for number in self.messages},
            kills=self.kills,
            left_at_s={n: device.left_s for n, device in self.store.devices.items()},
            dropped=frozenset(n for n, device in self.store.devices.items() if device.state == 1),
            declared_gone=frozenset(self.service.declared_gone),
        )

    def _order(self, number: int) -> Order:
        audience, _ = folded(self.store.sums(number))
        counts = counts_of(audience, self.store.tallies.get(number, {})).counts
        message = self.messages[number]
        return Order(app=APP, expires_at_s=message.expires_at.timestamp(), counts=counts)


def lived(plan: Plan, *, spoil: Spoil = lambda work: work) -> Evidence:
    """What is left of the history of this plan."""
    return virtual_time.run(_live(plan, spoil))


async def _live(plan: Plan, spoil: Spoil) -> Evidence:
    return await World(plan, spoil).live()
