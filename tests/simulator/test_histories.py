"""Thousands of short histories with real engines: whatever happens, in whatever order, the invariants hold.

A plan that ever broke one is kept in `KEPT`, as it was shrunk. How many histories are lived is a setting:
`STEEPLE_HISTORIES` (300 by default; `make chaos` asks for thousands).
"""

import os
from collections.abc import Collection, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from msgspec.structs import replace

from gateway.delivery.ports import Work
from gateway.model.work import Chunk, GroupResult, Hold
from gateway.store.chunks import LeaseLost
from tests.chaos.evidence import check, violations
from tests.simulator.history import Event, Plan, Sent, lived
from tests.simulator.link import Odds
from tests.simulator.model_service import Mood
from tests.simulator.plans import plans

_HISTORIES = int(os.environ.get("STEEPLE_HISTORIES", "300"))
_CRASHES = tuple(Event("crash", after_s=0.2, which=n) for n in range(4))
_NAPS = tuple(Event("sleep", after_s=1.0, which=n, for_s=20.0) for n in range(3))
_BUSY = (Sent(first=1, size=30, chunks=3), Sent(after_s=0.1, first=5, size=30, chunks=2), Sent(is_single=True, first=7))

KEPT = {
    "a crash": Plan(messages=_BUSY, events=_CRASHES),
    "sleepers that wake": Plan(messages=_BUSY, events=_NAPS, mood=Mood(slow=20)),
    "a host is gone, only leases free its work": Plan(
        messages=_BUSY, events=(Event("vanish", after_s=0.2), Event("vanish", after_s=0.2))
    ),
    "the store is away for longer than a lease": Plan(messages=_BUSY, events=(Event("away", after_s=0.3, for_s=90.0),)),
    "answers of the store are lost": Plan(messages=_BUSY, odds=Odds(unheard=0.3)),
    "cancelled in the middle": Plan(messages=_BUSY, events=(Event("cancel", after_s=0.3, which=0), *_CRASHES)),
    "every answer there is": Plan(
        messages=_BUSY, mood=Mood(gone=8, rejected=5, suspect=5, misconfigured=1, later=10, slower=2, lost=5, unheard=5)
    ),
}


@pytest.mark.timeout(600)
@settings(
    max_examples=_HISTORIES, deadline=None, derandomize=_HISTORIES <= 300, suppress_health_check=[HealthCheck.too_slow]
)
@given(plans)
def test_whatever_happens_the_invariants_hold(plan: Plan):
    """Crashes, sleepers, stops, a store that comes and goes, services in every mood, people who leave and return."""
    check(lived(plan))


@pytest.mark.parametrize("name", KEPT)
@pytest.mark.parametrize("seed", range(10))
def test_a_history_that_is_kept(name: str, seed: int):
    """Each fault by itself, with ten courses of luck."""
    plan = KEPT[name]
    check(lived(replace(plan, seed=seed)))


def test_a_settle_that_nobody_heard_of_repeats_nobody():
    """Nobody died: nobody gets a second copy, also who was still being tried when the answer to the commit was lost."""
    for seed in range(20):
        check(lived(Plan(seed=seed, odds=Odds(unheard=0.3), mood=Mood(slow=40))))


def test_the_same_plan_is_the_same_history():
    """A seed that failed fails again."""
    plan = Plan(seed=7, messages=_BUSY, events=(*_CRASHES, *_NAPS), mood=Mood(later=20, slow=10), odds=Odds(lost=0.1))
    assert lived(plan) == lived(plan)


# --- the engine broken on purpose -------------------------------------------------------------------------------------


class _Broken:
    """Work that is all right, for one of these to spoil."""

    def __init__(self, work: Work) -> None:
        self.work = work

    async def claim(self, places: int) -> list[Chunk]:
        return await self.work.claim(places)

    def served(self, chunk: Chunk, recipients: int) -> None:
        self.work.served(chunk, recipients)

    async def renew(self, held: Sequence[Chunk]) -> None:
        await self.work.renew(held)

    async def release(self, chunk: Chunk, *, delay_s: float = 0.0, lane: int | None = None) -> None:
        await self.work.release(chunk, delay_s=delay_s, lane=lane)

    async def release_all(self) -> None:
        await self.work.release_all()

    async def abandon(self, chunk: Chunk) -> None:
        await self.work.abandon(chunk)

    async def settle(self, result: GroupResult) -> Hold:
        return await self.work.settle(result)

    async def settle_singles(self, results: Sequence[GroupResult], *, whole: Collection[int]) -> set[int]:
        return await self.work.settle_singles(results, whole=whole)

    async def close(self, app_id: int, message_id: int) -> bool:
        return await self.work.close(app_id, message_id)


class _IgnoresALostLease(_Broken):
    """Goes on with a chunk that is somebody else's by now."""

    async def settle(self, result: GroupResult) -> Hold:
        try:
            return await self.work.settle(result)
        except LeaseLost:
            return Hold.NONE


class _ForgetsTheCursor(_Broken):
    """Writes what became of a group, and (the first time) not how far it came."""

    def __init__(self, work: Work) -> None:
        super().__init__(work)
        self._has_forgotten = False

    async def settle(self, result: GroupResult) -> Hold:
        if self._has_forgotten or result.is_finished:
            return await self.work.settle(result)
        self._has_forgotten = True
        return await self.work.settle(replace(result, cursor=result.chunk.cursor))


class _ForgetsRetries(_Broken):
    """Whoever was to be tried again is forgotten."""

    async def settle(self, result: GroupResult) -> Hold:
        return await self.work.settle(replace(result, retries=[]))


class _SharesWhatItClaims(_Broken):
    """Gives its first chunks back at once, and works on them all the same."""

    def __init__(self, work: Work) -> None:
        super().__init__(work)
        self._shares = True

    async def claim(self, places: int) -> list[Chunk]:
        claimed = await self.work.claim(places)
        for chunk in claimed if self._shares else ():
            self._shares = False
            await self.work.release(chunk)
        return claimed


class _WritesEndsTwice(_Broken):
    """Two ends for everybody."""

    async def settle(self, result: GroupResult) -> Hold:
        return await self.work.settle(replace(result, ids=result.ids * 2, codes=result.codes * 2))


class _MiscountsEnds(_Broken):
    """The tally is not what the rows say."""

    async def settle(self, result: GroupResult) -> Hold:
        return await self.work.settle(replace(result, tally={key: n + 1 for key, n in result.tally.items()}))


_ONE_NAP = Plan(messages=(Sent(size=40, chunks=1),), events=(Event("sleep", after_s=0.05, for_s=20.0),))
_HARD = Plan(messages=_BUSY, events=(*_NAPS, *_CRASHES), mood=Mood(later=15, slow=15), workers=3)


@pytest.mark.parametrize(
    ("broken", "plan", "numbers"),
    [
        (_IgnoresALostLease, _ONE_NAP, {"I3"}),
        (_ForgetsTheCursor, Plan(messages=_BUSY), {"I2", "I5"}),
        (_ForgetsRetries, _HARD, {"I5", "I6"}),
        (_SharesWhatItClaims, Plan(messages=_BUSY), {"I2", "I3"}),
        (_WritesEndsTwice, _HARD, {"I5"}),
        (_MiscountsEnds, _HARD, {"I5"}),
    ],
)
def test_a_broken_engine_is_found_out(broken: type[_Broken], plan: Plan, numbers: set[str]):
    """Negative control: each way of breaking the engine turns one of these invariants red within a few histories."""
    found: set[str] = set()
    for seed in range(12):
        found |= {line.partition(":")[0] for line in violations(lived(replace(plan, seed=seed), spoil=broken))}
    assert found & numbers, found


def test_the_engine_as_it_is_passes_where_the_broken_ones_fail():
    """The other half of the control."""
    for seed in range(12):
        check(lived(replace(_ONE_NAP, seed=seed)))
        check(lived(replace(_HARD, seed=seed)))
