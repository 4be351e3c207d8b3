"""A group through its lanes: a fate for each device, whatever the push service or one of its devices does."""

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.delivery.board import LaneBoard
from gateway.delivery.group import Prepared
from gateway.delivery.send import GroupSender
from gateway.model.delivery import Accepted, Code, Device, Gone, Misconfigured, Outcome, Push, Retry, Suspect
from gateway.model.message import Content, Message
from gateway.policy.ending import Again, End, Fate
from gateway.policy.receipt_token import ReceiptSigner, read
from gateway.transports.base import Credential
from tests.delivery.world import CREDENTIAL, NO_NAMES, Service, transports
from tests.store.rows import EVERYBODY

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
LANE = (1, 1, "https://push.example")
SIGNER = ReceiptSigner(1, 1, b"r" * 32)


class World:
    """One process, its time, its lanes and its push service."""

    def __init__(self, answer: Callable[[Push], Outcome] = lambda _: Accepted(), *, is_stopping: bool = False) -> None:
        self.service = Service(answer)
        self.now_s = NOW.timestamp()
        nowhere: Any = None
        self.board = LaneBoard(nowhere, clock=lambda: self.now_s)
        self.sender = GroupSender(
            transports(self.service),
            self.board,
            clock=lambda: self.now_s,
            dice=random.Random(1),
        )
        self.sender.is_stopping = is_stopping

    async def send(
        self, devices: list[Device], *, life_s: float = 3600, ttl_s: int = 3600, strikes: int = 0
    ) -> list[Fate]:
        message = Message(
            app_id=1, id=7 << 10, content=Content(title="x", urgency="high"), audience=EVERYBODY, planned_at=NOW,
            expires_at=NOW + timedelta(seconds=life_s),
        )  # fmt: skip
        render = self.service.compile(message.content, message_id=message.id)
        ready = Prepared(message, NOW.date(), {"stub": render}, SIGNER, NO_NAMES, ttl_s, "1.7168")
        sending = self.sender.start(ready, devices, {1: CREDENTIAL}, attempt=0, strikes=strikes)
        assert await sending.wait(60)
        return [fate for fate in sending.fates if fate is not None]


def devices(count: int, *, provider: str = "stub", credential_id: int = 1) -> list[Device]:
    return [Device(number, provider, credential_id, str(number).encode(), 0, None, None) for number in range(count)]


async def test_each_device_gets_its_own_fate_in_order():
    """Five hundred at once, by dozens of runners: none is mixed up with another."""
    world = World(lambda push: Gone("x") if int(push.wire) % 7 == 0 else Accepted())

    fates = await world.send(devices(500))

    assert fates == [End(Code.GONE) if number % 7 == 0 else End(Code.SENT) for number in range(500)]
    assert sorted(int(push.wire) for push in world.service.pushes) == list(range(500))


async def test_a_push_carries_what_the_message_says_and_a_token_of_its_own():
    """Its remaining life, its urgency, what it replaces; and a receipt token for this device only."""
    world = World()
    world.now_s += 600

    await world.send(devices(2), life_s=3600, ttl_s=86_400)

    for number, push in enumerate(sorted(world.service.pushes, key=lambda one: one.wire)):
        assert (push.ttl_s, push.urgency, push.topic, push.app_id) == (3000, "high", "1.7168", 1)
        claim = read(push.payload.decode().rpartition(".")[2], secrets={1: b"r" * 32}, today=NOW.date())
        assert claim is not None
        assert (claim.subscription_id, claim.message_id) == (number, 7 << 10)


async def test_a_life_shorter_than_what_is_left_is_kept():
    """TTL 0 stays now or never."""
    world = World()

    await world.send(devices(1), life_s=60, ttl_s=0)

    assert world.service.pushes[0].ttl_s == 0


async def test_too_late_is_not_sent():
    """Yesterday's offer reaches nobody."""
    world = World()
    world.now_s += 3601

    assert await world.send(devices(3)) == [End(Code.EXPIRED)] * 3
    assert world.service.pushes == []


@pytest.mark.parametrize(
    ("device", "code"),
    [
        (devices(1, provider="telex")[0], Code.FAILED_REJECTED),
        (devices(1, credential_id=9)[0], Code.FAILED_CREDENTIAL),
        (Device(0, "stub", 1, b"0", 0, None, None), Code.FAILED_TOO_LARGE),
    ],
)
async def test_what_cannot_be_sent_is_not_tried(device: Device, code: Code):
    """No such provider any more, no such key any more, or too large for this device."""
    world = World()
    if code is Code.FAILED_TOO_LARGE:
        world.service.bytes_max = 10

    assert await world.send([device]) == [End(code)]
    assert world.service.pushes == []


async def test_a_fault_of_ours_ends_one_recipient_and_not_the_group():
    """A poisoned row must not stop a campaign; nor may it leave its lane waiting for a probe for ever."""

    def answer(push: Push) -> Outcome:
        if push.wire == b"3":
            raise ZeroDivisionError
        return Accepted()

    world = World(answer)
    lane = world.board.of(LANE)
    lane.note(Retry("unreachable", 30.0, "lane"))
    world.now_s += 31

    first = await world.send(devices(4)[3:])
    rest = await world.send(devices(4))

    assert first == [End(Code.FAILED_INTERNAL)]
    assert [fate for fate in rest if fate == End(Code.FAILED_INTERNAL)] == [End(Code.FAILED_INTERNAL)]
    assert lane.state == "running"


async def test_a_lane_that_stands_puts_everybody_off_uncounted():
    """Nobody on it is asked, and nobody gets a strike."""
    world = World()
    world.board.of(LANE).note(Misconfigured("vapid_refused"))

    fates = await world.send(devices(50), strikes=7)

    assert world.service.pushes == []
    assert all(isinstance(fate, Again) and not fate.is_counted and 60 <= fate.wait_s <= 61 for fate in fates)


async def test_a_lane_that_stands_beyond_the_expiry_ends_it():
    """What could only come too late is said at once."""
    world = World()
    world.board.of(LANE).note(Misconfigured("vapid_refused"))

    assert await world.send(devices(2), life_s=30) == [End(Code.EXPIRED)] * 2


async def test_a_refused_key_stops_after_twenty_and_drops_nobody():
    """A wrong key and five hundred subscribers: some twenty are asked, all are kept."""
    world = World(lambda _: Suspect("vapid_refused"))
    suspects = [Device(number, "stub", 1, b"1", 0, None, NOW - timedelta(days=2)) for number in range(500)]

    fates = await world.send(suspects)

    assert 20 <= len(world.service.pushes) <= 84  # those under way when it became clear
    assert all(isinstance(fate, Again) for fate in fates)
    lane = world.board.of(LANE)
    assert lane.held_s() > 0
    lane.answer(set(), is_anybody_known=False)
    assert lane.state == "stopped"


async def test_a_retired_key_is_succeeded_where_devices_are_not_bound_to_theirs():
    """An operator exchanges a key that all of an app's phones share: they are reached with the new one."""

    class Unbound(Service):
        binds_devices = False

    world = World()
    world.sender = GroupSender(transports(Unbound()), world.board, clock=lambda: world.now_s, dice=random.Random(1))
    world.service = Unbound()

    assert await world.send(devices(1, credential_id=9)) == [End(Code.SENT)]


async def test_a_process_that_stops_leaves_the_rest_to_others():
    """Who was not tried is put off without a strike, and nobody is asked any more."""
    world = World(is_stopping=True)

    fates = await world.send(devices(10))

    assert world.service.pushes == []
    assert all(isinstance(fate, Again) and not fate.is_counted for fate in fates)


async def test_who_has_expired_takes_nobodys_place():
    """A slow lane lets one in a second: ten thousand whose time is over must not stand in its line."""
    world = World()
    world.board.of(LANE).note(Retry("unreachable", 600.0, "lane"))

    assert await world.send(devices(3), life_s=-1) == [End(Code.EXPIRED)] * 3


async def test_a_cancelled_push_that_was_to_go_first_lets_another_one():
    """The group was given up while its probe hung: the lane must not wait for that answer for ever."""

    class Hanging(Service):
        async def send(self, push: Push, credential: Credential) -> Outcome:
            await asyncio.sleep(3600)
            return await super().send(push, credential)

    world = World()
    world.sender = GroupSender(transports(Hanging()), world.board, clock=lambda: world.now_s, dice=random.Random(1))
    lane = world.board.of(LANE)
    lane.note(Retry("unreachable", 30.0, "lane"))
    world.now_s += 31
    message = Message(
        app_id=1, id=7 << 10, content=Content(title="x"), audience=EVERYBODY, planned_at=NOW,
        expires_at=NOW + timedelta(hours=1),
    )  # fmt: skip
    ready = Prepared(
        message, NOW.date(), {"stub": world.service.compile(message.content, message_id=1)}, SIGNER, NO_NAMES, 60, "1"
    )
    sending = world.sender.start(ready, devices(1), {1: CREDENTIAL}, attempt=0, strikes=0)
    await asyncio.sleep(0.01)
    assert lane.held_s() > 0, "the first one is on its way"

    sending.cancel()
    await asyncio.sleep(0.01)

    assert lane.held_s() == 0
