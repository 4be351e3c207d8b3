"""What many bring at once is written together; each hears what became of their own, and of nothing else."""

import asyncio
from collections.abc import Sequence

import pytest

from gateway.model.errors import GatewayError, StoreUnavailable
from gateway.store.group_commit import GroupCommit


class Ledger:
    """What was written, batch by batch; refuses what it is told to."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.poison: int | None = None
        self.is_away = False

    async def write(self, items: Sequence[int]) -> list[str]:
        await self.is_open.wait()
        if self.is_away:
            raise StoreUnavailable
        if self.poison in items:
            raise ValueError("not this one")
        self.batches.append(list(items))
        return [f"{item} written" for item in items]


def _together(
    ledger: Ledger, *, flush_s: float = 0.0, batch_max: int = 100, waiting_max: int = 100
) -> GroupCommit[int, str]:
    return GroupCommit(ledger.write, flush_s=flush_s, batch_max=batch_max, waiting_max=waiting_max, retry_after_s=5)


async def test_what_comes_together_is_written_together():
    """A hundred callers of one moment cost one transaction, and each gets the answer to their own."""
    ledger = Ledger()
    together = _together(ledger)
    fates = await asyncio.gather(*(together.put([number, number + 1000]) for number in range(40)))
    assert len(ledger.batches) == 1
    assert fates[7] == ["7 written", "1007 written"]


async def test_a_slow_database_makes_batches_larger_and_not_more():
    """While one is written, all that comes is the next one: never two at once, nor a queue of small ones."""
    ledger = Ledger()
    ledger.is_open.clear()
    together = _together(ledger)
    first = asyncio.create_task(together.put([1]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    others = []
    for number in range(2, 12):
        others.append(asyncio.create_task(together.put([number])))
        await asyncio.sleep(0)
    ledger.is_open.set()
    await asyncio.gather(first, *others)
    assert ledger.batches == [[1], list(range(2, 12))]


async def test_what_waits_is_bounded():
    """Beyond the bound callers hear 429 and when to come again; those who wait are not harmed, and room comes back."""
    ledger = Ledger()
    ledger.is_open.clear()
    together = _together(ledger, waiting_max=3)
    waiting = asyncio.create_task(together.put([1, 2]))
    await asyncio.sleep(0)
    with pytest.raises(GatewayError) as refused:
        await together.put([3, 4])
    assert (refused.value.status, refused.value.retry_after_s) == (429, 5)
    ledger.is_open.set()
    assert await waiting == ["1 written", "2 written"]
    assert together.waiting == 0
    assert await together.put([3, 4]) == ["3 written", "4 written"]


async def test_one_caller_cannot_spoil_the_others():
    """Whatever is wrong with one request, the rest of its batch is written."""
    ledger = Ledger()
    ledger.poison = 2
    together = _together(ledger)
    fates = await asyncio.gather(*(together.put([number]) for number in (1, 2, 3)), return_exceptions=True)
    assert fates[0] == ["1 written"]
    assert fates[2] == ["3 written"]
    assert isinstance(fates[1], GatewayError)
    assert fates[1].status == 500
    assert together.waiting == 0


async def test_everybody_hears_that_the_database_is_away():
    """503 for all of the batch: nobody is told that what is not committed is."""
    ledger = Ledger()
    ledger.is_away = True
    together = _together(ledger)
    fates = await asyncio.gather(together.put([1]), together.put([2]), return_exceptions=True)
    assert all(isinstance(fate, StoreUnavailable) for fate in fates)
    assert ledger.batches == []


async def test_who_hangs_up_takes_nothing_away():
    """A caller that is gone before the commit: the write goes on, for them and for the others."""
    ledger = Ledger()
    ledger.is_open.clear()
    together = _together(ledger)
    gone, patient = asyncio.create_task(together.put([1])), asyncio.create_task(together.put([2]))
    await asyncio.sleep(0)
    gone.cancel()
    ledger.is_open.set()
    assert await patient == ["2 written"]
    await together.aclose()
    assert ledger.batches == [[1, 2]]


async def test_a_full_batch_does_not_wait():
    """Nobody waits for company that is there already; closing writes what is left."""
    ledger = Ledger()
    together = _together(ledger, flush_s=3600, batch_max=2)
    await together.put([1])
    waiting = [asyncio.create_task(together.put([number])) for number in (2, 3, 4)]
    assert await waiting[0] == ["2 written"]
    await together.aclose()
    assert await waiting[2] == ["4 written"]
    assert ledger.batches == [[1], [2, 3], [4]]
