"""Caps among processes and campaigns: who may send in a bucket, and who is on the way."""

import gc
import weakref
from array import array
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest_asyncio

from gateway.delivery import settle
from gateway.delivery.group import Decision, Group, Prepared
from gateway.delivery.pressure import Pressure
from gateway.delivery.rules.caps import Caps
from gateway.model.app import App
from gateway.model.delivery import Code, Device
from gateway.model.ids import ids_of_stretch
from gateway.model.limits import RECENT_IDS_MAX
from gateway.model.message import Content, Message
from gateway.model.terms import Terms
from gateway.model.work import Chunk
from gateway.policy.caps import Kind, Seen
from gateway.policy.ending import Again, End
from gateway.store import chunks, outcomes, partitions, persons
from gateway.store.database import Database
from tests.chaos.processes import until
from tests.delivery.world import NO_NAMES, KeysOf
from tests.store.rows import EVERYBODY, TODAY, enrol, make_app, work

IDS = list(range(100, 110))
DAILY = {"caps": [{"per": "P1D", "max": 1}]}
LEASE_S = 30
CAPPED = End(Code.SKIPPED_CAPPED)


class Process:
    """One worker process, as far as caps go."""

    def __init__(self, db: Database, app: App, owner: int) -> None:
        self.db = db
        self.app = app
        self.owner = owner
        self.passed_s = 0.0
        self.pressure = Pressure(db, owner=owner, lease_s=LEASE_S, clock=self._clock)
        self.caps = Caps(db, KeysOf(app), self.pressure)

    def _clock(self) -> float:
        return 1_000.0 + self.passed_s

    async def decide(self, message_id: int, ids: list[int] = IDS, *, person: str | None = None) -> Decision:
        """What the rule says of a group. person: whose all of it are, among other devices."""
        several = None if person is None else {"devices": 3}
        devices = [Device(number, "stub", 1, b"", 0, None, None, person=person, facts=several) for number in ids]
        return await self.caps.decide(_ready(self.app, message_id), self.chunk(message_id), devices, now=_now())

    def chunk(self, message_id: int) -> Chunk:
        """A chunk of the message, claimed by this process."""
        new = work(self.app, message_id << 10, IDS)
        return Chunk(
            key=new.key, hi=new.hi, cursor=new.key.lo - 1, ids=new.ids, strikes=0, claim_no=1, expected=len(IDS),
            seen=0, tally={},
        )  # fmt: skip

    async def settle(self, message_id: int, decision: Decision, code: Code = Code.SENT) -> None:
        """Those who were let pass came to this end, and that is in the store."""
        chunk = self.chunk(message_id)
        await chunks.insert_claimed(self.db, [chunk], owner=self.owner, lease_s=60)
        devices = [Device(number, "stub", 1, b"", 0, None, None) for number in IDS if number not in decision.fates]
        group = Group(devices, [], chunk.hi, is_last=True, stays=decision.stays)
        fates = [End(code)] * len(devices)
        dice: Any = None
        result = settle.result_of(chunk, _ready(self.app, message_id), group, fates, read_at=_now(), dice=dice)
        await chunks.settle(self.db, result, owner=self.owner, lease_s=60)
        group.settled(result, now_s=_now().timestamp())


def _now() -> datetime:
    return datetime.now(UTC)


def _ready(app: App, message_id: int) -> Prepared:
    message = Message(
        app_id=app.id, id=message_id << 10, content=Content(title="x"), audience=EVERYBODY, planned_at=_now(),
        expires_at=_now() + timedelta(hours=1), terms=Terms(category="marketing"),
    )  # fmt: skip
    signer: Any = None
    return Prepared(message, TODAY, {}, signer, NO_NAMES, 3600, "x")


@pytest_asyncio.fixture(loop_scope="session")
async def two(db: Database) -> AsyncIterator[tuple[Process, Process]]:
    """Two processes of one gateway; the app allows one message a day."""
    await partitions.ensure(db, today=TODAY)
    app = msgspec.structs.replace(await make_app(db), settings=DAILY)
    both = Process(db, app, 1), Process(db, app, 2)
    yield both
    for one in both:
        await one.pressure.aclose()


def _turned_away(decision: Decision) -> bool:
    return set(decision.fates) == set(IDS) and all(isinstance(fate, Again) for fate in decision.fates.values())


async def test_one_process_at_a_time(two: tuple[Process, Process]):
    """While one has people on the way, the other comes back later; then it knows what they got."""
    first, second = two
    passed = await first.decide(1)
    assert (passed.fates, len(passed.stays)) == ({}, 1)
    assert _turned_away(await second.decide(2))
    await first.settle(1, passed)
    assert _turned_away(await second.decide(2))
    await first.pressure.aclose()
    assert (await second.decide(2)).fates == dict.fromkeys(IDS, CAPPED)


async def test_side_by_side_in_one_bucket(two: tuple[Process, Process]):
    """A bucket may hold a million: processes are in one another's way only where their groups lie near each other."""
    first, second = two
    far = [ids_of_stretch(9, spread=1)[0] + number for number in range(10)]
    assert ((await first.decide(1)).fates, (await second.decide(2, far)).fates) == ({}, {})
    across = await second.decide(3, [*IDS, *far])
    assert set(across.fates) == {*IDS, *far}, "a group that lies in both comes back as a whole"


async def test_a_dead_process_holds_a_bucket_for_its_lease(db: Database, two: tuple[Process, Process]):
    """On database time; what it had on the way and did not record, nobody knows."""
    first, second = two
    await first.decide(1)
    await db.execute("UPDATE stretch_leases SET lease_until = lease_until - $1 * interval '1 second'", LEASE_S - 5.0)
    assert _turned_away(await second.decide(2))
    await db.execute("UPDATE stretch_leases SET lease_until = lease_until - interval '5 seconds'")
    assert (await second.decide(2)).fates == {}


async def test_who_slept_through_the_lease_asks_again(db: Database, two: tuple[Process, Process]):
    """It does not go on with what it knew: another one has sent meanwhile."""
    first, second = two
    await first.settle(1, await first.decide(1, []))
    await db.execute("UPDATE stretch_leases SET lease_until = now()")
    first.passed_s += LEASE_S + 1
    await second.settle(2, await second.decide(2))
    assert _turned_away(await first.decide(3))
    await second.pressure.aclose()
    assert (await first.decide(3)).fates == dict.fromkeys(IDS, CAPPED)


async def test_two_campaigns_of_one_process(two: tuple[Process, Process]):
    """Whoever is on the way with one is waited for by the other: neither sent to nor given up."""
    process, _ = two
    passed = await process.decide(1)
    busy = await process.decide(2)
    assert _turned_away(busy)
    await process.settle(1, passed)
    assert (await process.decide(2)).fates == dict.fromkeys(IDS, CAPPED)


def _allowing(process: Process, most: int) -> Process:
    """The same process, of an app that allows so many messages a day."""
    app = msgspec.structs.replace(process.app, settings={"caps": [{"per": "P1D", "max": most}]})
    process.app, process.caps = app, Caps(process.db, KeysOf(app), process.pressure)
    return process


async def test_far_from_the_cap_nobody_waits_for_anybody(two: tuple[Process, Process]):
    """Two campaigns at once, where two are allowed: both go side by side, and a third one is too much."""
    process = _allowing(two[0], 2)
    first, second = await process.decide(1), await process.decide(2)
    assert (first.fates, second.fates) == ({}, {})
    assert _turned_away(await process.decide(3))
    await process.settle(1, first)
    await process.settle(2, second)
    assert (await process.decide(3)).fates == dict.fromkeys(IDS, CAPPED)


async def test_what_another_process_sent_brings_the_cap_near(db: Database, two: tuple[Process, Process]):
    """Whoever gets the lease back a moment later does not go by what it had heard of before."""
    first, second = (_allowing(process, 2) for process in two)
    for process, message_id in ((first, 1), (second, 2)):
        await process.settle(message_id, await process.decide(message_id))
        process.passed_s += 0.4

        async def is_free() -> bool:
            return not await db.fetchval("SELECT count(*) FROM stretch_leases WHERE lease_until > now()")

        await until("the lease is given back", is_free, within_s=5)
    assert (await first.decide(3)).fates == dict.fromkeys(IDS, CAPPED)


async def test_who_has_room_left_gets_the_next_one(db: Database, two: tuple[Process, Process]):
    """More messages came by than the cap allows, but not to everybody: each one's own are counted then."""
    process = _allowing(two[0], 2)
    for number, ids in ((1, IDS), (2, IDS[:5]), (3, IDS[5:6])):
        key = work(process.app, number << 10, ids).key
        await outcomes.insert_outcomes(db, [(key, TODAY, Kind.MARKETING, ids, bytes([Code.SENT]) * len(ids))])
    assert (await process.decide(4)).fates == dict.fromkeys(IDS[:6], CAPPED)


async def test_what_came_to_one_alone_counts_as_well(db: Database, two: tuple[Process, Process]):
    """A single message and a campaign fill a cap of two for one person, and for nobody else."""
    process = _allowing(two[0], 2)
    for number, ids in ((1, IDS), (2, IDS[3:4])):
        key = work(process.app, number << 10, ids).key
        await outcomes.insert_outcomes(db, [(key, TODAY, Kind.MARKETING, ids, bytes([Code.SENT]) * len(ids))])
    assert (await process.decide(3)).fates == {IDS[3]: CAPPED}


async def test_only_who_was_reached_counts(two: tuple[Process, Process]):
    """A push that failed, or a group that was given back, uses nothing up."""
    process, _ = two
    await process.settle(1, await process.decide(1), Code.FAILED_REJECTED)
    passed = await process.decide(2)
    assert passed.fates == {}
    for stay in passed.stays:
        stay.left()
    assert (await process.decide(3)).fates == {}


async def test_the_same_message_waits_for_nobody(two: tuple[Process, Process]):
    """A recipient's own earlier try is no reason to hold them back."""
    process, _ = two
    await process.decide(1)
    assert (await process.decide(1)).fates == {}


async def test_others_are_not_held_up(two: tuple[Process, Process]):
    """Half of a group is on the way elsewhere: the other half goes."""
    process, _ = two
    await process.decide(1, IDS[:5])
    decision = await process.decide(2)
    assert set(decision.fates) == set(IDS[:5])


async def test_what_came_to_other_devices_counts_where_memory_is_short(db: Database, two: tuple[Process, Process]):
    """Of a person's devices in two other stretches: looking into the second does not forget the first."""
    process, _ = two
    elsewhere = [ids_of_stretch(number, spread=1)[0] for number in (5, 9)]
    for number in await enrol(db, process.app, [IDS[0], *elsewhere]):
        await persons.attach(db, process.app, "cust-1", number)
    key = work(process.app, 1 << 10, elsewhere[:1]).key
    await outcomes.insert_outcomes(db, [(key, TODAY, Kind.MARKETING, elsewhere[:1], bytes([Code.SENT]))])
    full = process.pressure.seen_elsewhere((process.app.id, process.app.home, 20), ids_of_stretch(20, spread=1))
    full.stay(2, Kind.MARKETING, [1])
    full.recent.add((2, 0, 0), Seen(2, 0.0, Kind.MARKETING), array("q", range(RECENT_IDS_MAX + 1)))
    decision = await process.decide(3, IDS[:1], person="cust-1")
    assert decision.fates == {IDS[0]: CAPPED}


async def test_what_nobody_asks_for_is_forgotten(two: tuple[Process, Process]):
    """A campaign's ids are let go a minute after its end, also where no other one follows."""
    process, _ = two
    await process.settle(1, await process.decide(1))
    place = (process.app.id, process.app.home, 0)
    stretch = weakref.ref(process.pressure.seen_elsewhere(place, ids_of_stretch(0, spread=1)))
    found = stretch()
    assert found is not None
    assert len(found.recent) == len(IDS)
    del found
    process.passed_s += 61

    async def is_forgotten() -> bool:
        gc.collect()
        return stretch() is None

    await until("the stretch is forgotten", is_forgotten, within_s=5)
