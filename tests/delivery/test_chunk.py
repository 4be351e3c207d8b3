"""A chunk from its claim to its end, on a real store, with a push service that takes its time."""

import asyncio
import random
from collections.abc import Coroutine

from gateway.delivery.board import LaneBoard
from gateway.delivery.chunk import ChunkRunner
from gateway.delivery.feed import Feed
from gateway.delivery.room import Room
from gateway.delivery.send import GroupSender
from gateway.delivery.stored import StoredWork
from gateway.model.app import App
from gateway.model.delivery import Code, Outcome, Push
from gateway.model.work import Chunk, ChunkState
from gateway.store.clock import DatabaseClock
from gateway.store.database import Database
from gateway.transports.base import Credential
from tests.delivery.world import KeysOf, Service, transports
from tests.store.rows import add_message, claim_one, drawn_ids, enrol, make_app, work

IDS = drawn_ids(40)
SLOW = frozenset(IDS[5:9])
OWNER = 7


class SlowService(Service):
    """Answers at once, but for a few devices: those when it is told to."""

    def __init__(self, slow: frozenset[int]) -> None:
        super().__init__()
        self._slow = {str(number).encode() for number in slow}
        self.answers = asyncio.Event()

    async def send(self, push: Push, credential: Credential) -> Outcome:
        if any(name in push.payload for name in self._slow):
            await self.answers.wait()
        return await super().send(push, credential)


class World:
    """One worker's runner of chunks."""

    def __init__(self, db: Database, app: App, service: SlowService, *, places: int = 100) -> None:
        keys = KeysOf(app)
        clock = DatabaseClock()
        self.room = Room(places)
        self.late: list[tuple[asyncio.Task[None], Chunk]] = []
        self.sender = GroupSender(transports(service), LaneBoard(db), clock=clock.now_s, dice=random.Random(1))
        self.runner = ChunkRunner(
            work=StoredWork(db, keys, owner=OWNER, lease_s=60),
            source=Feed(db, keys, transports(service)),
            sender=self.sender,
            room=self.room,
            clock=clock,
            dice=random.Random(1),
            go_on=self._go_on,
            late_after_s=0.1,
        )

    def _go_on(self, rest: Coroutine[None, None, None], chunk: Chunk) -> None:
        self.late.append((asyncio.create_task(rest), chunk))


async def campaign(db: Database, service: SlowService, *, places: int = 100) -> tuple[World, Chunk]:
    app = await make_app(db)
    await enrol(db, app, IDS)
    message = await add_message(db, app)
    chunk = await claim_one(db, work(app, message, IDS, is_range=True), owner=OWNER)
    return World(db, app, service, places=places), chunk


async def outcomes(db: Database) -> dict[int, int]:
    """The code of each recipient that has one; nobody has two."""
    found: dict[int, int] = {}
    for row in await db.fetch("SELECT ids, codes FROM outcomes"):
        for number, code in zip(row["ids"], row["codes"], strict=True):
            assert number not in found
            found[number] = code
    return found


async def test_a_group_does_not_wait_for_its_slowest(db: Database):
    """Four devices hang: the other thirty-six are written, and the four later, each once."""
    service = SlowService(SLOW)
    world, chunk = await campaign(db, service)

    async with asyncio.timeout(5):
        await world.runner.run(chunk)

    assert await outcomes(db) == dict.fromkeys(set(IDS) - SLOW, Code.SENT)
    ((late, late_chunk),) = world.late
    assert late_chunk.ids == sorted(SLOW)
    assert world.room.free == 100 - len(SLOW), "those who hang keep their places: they count in what a crash repeats"
    service.answers.set()
    await late
    assert await outcomes(db) == dict.fromkeys(IDS, Code.SENT)
    assert world.room.free == 100
    assert await db.fetchval("SELECT state FROM messages") == 4, "the last of it closed the message"


async def test_what_is_late_belongs_to_who_tries_it(db: Database):
    """If this process dies now, the lease of exactly those four heals it; nobody else is tried again."""
    world, chunk = await campaign(db, SlowService(SLOW))

    await world.runner.run(chunk)

    row = await db.fetchrow("SELECT * FROM chunks WHERE attempt = 1")
    assert row is not None
    assert (row["state"], row["owner"], row["claim_no"]) == (ChunkState.CLAIMED, OWNER, 1)
    assert (row["ids"], row["expected"]) == (sorted(SLOW), len(SLOW))
    assert await db.fetchval("SELECT lease_until > now() + interval '50 seconds' FROM chunks WHERE attempt = 1")
    for task, _ in world.late:
        task.cancel()


async def test_a_lost_lease_of_late_ones_writes_nothing(db: Database):
    """Another worker has them by now: its word counts."""
    service = SlowService(SLOW)
    world, chunk = await campaign(db, service)
    await world.runner.run(chunk)
    await db.execute("UPDATE chunks SET claim_no = claim_no + 1 WHERE attempt = 1")

    service.answers.set()
    await asyncio.gather(*(task for task, _ in world.late))

    assert await outcomes(db) == dict.fromkeys(set(IDS) - SLOW, Code.SENT)
    assert world.room.free == 100


async def test_a_process_that_stops_waits_for_the_slowest(db: Database):
    """It has nothing better to do, and leaves less behind."""
    service = SlowService(SLOW)
    world, chunk = await campaign(db, service)

    running = asyncio.create_task(world.runner.run(chunk))
    await asyncio.sleep(0.05)
    world.sender.is_stopping = True
    await asyncio.sleep(0.3)
    assert not running.done()
    service.answers.set()
    await running

    assert world.late == []
    assert await outcomes(db) == dict.fromkeys(IDS, Code.SENT)


async def test_a_cancelled_group_stops_sending(db: Database):
    """The grace of a stop is over: what is not settled is given up, with its places."""
    service = SlowService(frozenset(IDS))
    world, chunk = await campaign(db, service)
    running = asyncio.create_task(world.runner.run(chunk))
    await asyncio.sleep(0.05)

    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    service.answers.set()
    await asyncio.sleep(0.05)

    assert service.pushes == []
    assert world.room.free == 100


async def test_a_group_is_as_large_as_there_is_room(db: Database):
    """Many hang: what is left of the room is used in smaller groups, and never exceeded."""
    service = SlowService(SLOW)
    world, chunk = await campaign(db, service, places=60)
    taken = await world.room.take(at_least=5, at_most=5)

    await world.runner.run(chunk)

    assert await outcomes(db) == dict.fromkeys(set(IDS) - SLOW, Code.SENT)
    assert world.room.free == 60 - taken - len(SLOW)
    for task, _ in world.late:
        task.cancel()
