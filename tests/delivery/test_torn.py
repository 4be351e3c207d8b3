"""What a worker that died had on the way: nobody knows whether it came, so under caps nothing else goes there first."""

from datetime import timedelta
from typing import Any, LiteralString

import pytest

from gateway.delivery import settle
from gateway.delivery.group import Group
from gateway.model.delivery import Device
from gateway.model.limits import GROUP_RECIPIENTS_MAX
from gateway.model.work import Chunk
from gateway.policy.ending import SENT
from gateway.store import chunks, pressure
from tests.delivery.test_pressure import CAPPED, IDS, LEASE_S, Process, _now, _ready, _turned_away, two
from tests.store.rows import claim

__all__ = ["two"]

ONE, OTHER = 1, 2


async def _dies(dead: Process) -> None:
    """It let a group of the one message pass, and nothing was heard of it since. Its successor frees what it held."""
    decision = await dead.decide(ONE)
    assert decision.fates == {}
    await chunks.insert_claimed(dead.db, [dead.chunk(ONE)], owner=dead.owner, lease_s=60)
    await chunks.release_owned(dead.db, owner=dead.owner)
    await pressure.free_owned(dead.db, owner=dead.owner)


async def _taken_up(heir: Process) -> Chunk:
    (chunk,) = await claim(heir.db, owner=heir.owner, limit=1, lease_s=60)
    return chunk


async def _sends(heir: Process, chunk: Chunk, ids: list[int]) -> Chunk:
    """The next group of the torn chunk goes out, those who may have it already as well."""
    devices = [Device(number, "stub", 1, b"", 0, None, None) for number in ids]
    decision = await heir.caps.decide(_ready(heir.app, ONE), chunk, devices, now=_now())
    assert decision.fates == {}, "it waits for nobody, or two of the dead would wait for each other"
    group = Group(devices, [], ids[-1], is_last=ids[-1] == IDS[-1], stays=decision.stays)
    dice: Any = None
    result = settle.result_of(chunk, _ready(heir.app, ONE), group, [SENT] * len(ids), read_at=_now(), dice=dice)
    await chunks.settle(heir.db, result, owner=heir.owner, lease_s=60)
    group.settled(result, now_s=_now().timestamp())
    return settle.advanced(chunk, result)


async def test_nobody_gets_another_message_before_it_is_known_who_got_the_first(two: tuple[Process, Process]):
    """Then they have had enough: a worker that dies breaks no cap."""
    dead, heir = two
    await _dies(dead)
    assert _turned_away(await heir.decide(OTHER))
    chunk = await _taken_up(heir)
    assert chunk.torn == GROUP_RECIPIENTS_MAX
    assert _turned_away(await heir.decide(OTHER)), "claimed is not settled"
    await _sends(heir, chunk, IDS)
    assert (await heir.decide(OTHER)).fates == dict.fromkeys(IDS, CAPPED)


async def test_a_smaller_group_than_the_dead_one_had_leaves_the_rest_unknown(two: tuple[Process, Process]):
    """A busy process reads fewer at once: those behind them may have it already, and are waited for as well."""
    dead, heir = two
    await _dies(dead)
    chunk = await _sends(heir, await _taken_up(heir), IDS[:4])
    assert chunk.torn == GROUP_RECIPIENTS_MAX - 4
    assert all(fate != CAPPED for fate in (await heir.decide(OTHER, IDS[4:])).fates.values())
    assert len((await heir.decide(OTHER, IDS[4:])).fates) == len(IDS[4:])
    await _sends(heir, chunk, IDS[4:])
    assert (await heir.decide(OTHER)).fates == dict.fromkeys(IDS, CAPPED)


async def test_who_lies_elsewhere_does_not_wait(two: tuple[Process, Process]):
    """Only those whom the dead may have reached: behind its cursor, and within its chunk."""
    dead, heir = two
    await _dies(dead)
    elsewhere = [IDS[-1] + 1, IDS[-1] + 2]
    assert (await heir.decide(OTHER, elsewhere)).fates == {}


@pytest.mark.parametrize(
    "statement", ["UPDATE chunks SET hold = 1", "UPDATE chunks SET due_at = now() + interval '8 hours'"]
)
async def test_what_does_not_go_on_soon_is_not_waited_for(two: tuple[Process, Process], statement: LiteralString):
    """Paused by its sender, or held until the morning: no reason to hold up every other message."""
    dead, heir = two
    await _dies(dead)
    await heir.db.execute(statement)
    assert (await heir.decide(OTHER)).fates == {}


async def test_a_lease_that_ran_out_is_enough_to_go_by(two: tuple[Process, Process]):
    """A host is gone and has no successor: its chunk is looked at before anybody has freed it."""
    dead, heir = two
    await dead.decide(ONE)
    await chunks.insert_claimed(dead.db, [dead.chunk(ONE)], owner=dead.owner, lease_s=60)
    await dead.db.execute("UPDATE chunks SET lease_until = now() - interval '1 second'")
    await dead.db.execute("UPDATE stretch_leases SET lease_until = now() - $1::interval", timedelta(seconds=LEASE_S))
    assert _turned_away(await heir.decide(OTHER))
