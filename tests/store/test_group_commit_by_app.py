"""Each app's items are written by themselves: whoever is stuck keeps nobody else waiting."""

import asyncio
from collections.abc import Sequence

import pytest

from gateway.model.errors import GatewayError
from gateway.model.limits import GROUP_COMMIT_APPS_KEPT_MAX
from gateway.store.group_commit_by_app import GroupCommitByApp

STUCK, OTHER = 1, 2


class Ledger:
    """What was written, app by app; one of them is stuck until it is let go."""

    def __init__(self) -> None:
        self.written: dict[int, list[int]] = {}
        self.let_go = asyncio.Event()
        self.at_once = self.at_once_most = 0

    async def write(self, app_id: int, items: Sequence[int]) -> list[str]:
        self.at_once += 1
        self.at_once_most = max(self.at_once, self.at_once_most)
        await asyncio.sleep(0)
        if app_id == STUCK:
            await self.let_go.wait()
        self.at_once -= 1
        self.written.setdefault(app_id, []).extend(items)
        return [f"{item} of {app_id}" for item in items]


def _together(ledger: Ledger, *, waiting_max: int = 100, at_once: int = 2) -> GroupCommitByApp[int, str]:
    return GroupCommitByApp(
        ledger.write, flush_s=0.0, batch_max=100, waiting_max=waiting_max, at_once=at_once, retry_after_s=5
    )


async def test_an_app_that_is_stuck_keeps_no_other_waiting():
    """Others are written and answered while it waits, again and again; then its own are."""
    ledger = Ledger()
    together = _together(ledger)
    stuck = asyncio.create_task(together.put(STUCK, [1]))
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        assert await together.put(OTHER, [2, 3]) == ["2 of 2", "3 of 2"]
        assert await together.put(OTHER, [4]) == ["4 of 2"]
    assert not stuck.done()
    ledger.let_go.set()
    assert await stuck == ["1 of 1"]
    await together.aclose()


async def test_one_app_takes_half_of_the_room():
    """Beyond it that app hears 429, and there is room for all others."""
    ledger = Ledger()
    together = _together(ledger, waiting_max=10)
    stuck = asyncio.create_task(together.put(STUCK, [0] * 5))
    await asyncio.sleep(0)
    with pytest.raises(GatewayError) as refused:
        await together.put(STUCK, [1])
    assert refused.value.retry_after_s == 5
    assert len(await together.put(OTHER, [0] * 5)) == 5
    ledger.let_go.set()
    await stuck
    assert await together.put(STUCK, [1]) == ["1 of 1"]


async def test_all_apps_share_the_room_and_the_connections():
    """However many apps there are, no more waits and no more is under way than was said."""
    ledger = Ledger()
    together = _together(ledger, waiting_max=10)
    ends = await asyncio.gather(
        *(together.put(number, [number] * 2) for number in range(OTHER, OTHER + 8)), return_exceptions=True
    )
    assert sum(isinstance(end, GatewayError) for end in ends) == 3
    assert ledger.at_once_most == 2
    await together.aclose()


async def test_apps_that_are_idle_are_forgotten():
    """A process that has seen all apps of an installation does not remember each of them."""
    ledger = Ledger()
    together = _together(ledger)
    stuck = asyncio.create_task(together.put(STUCK, [1]))
    await asyncio.sleep(0)
    for number in range(OTHER, OTHER + GROUP_COMMIT_APPS_KEPT_MAX + 10):
        await together.put(number, [number])
    assert len(together._of_app) <= GROUP_COMMIT_APPS_KEPT_MAX
    assert STUCK in together._of_app, "what waits is not lost"
    ledger.let_go.set()
    await stuck
