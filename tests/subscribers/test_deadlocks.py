"""Imports that meet somebody who took the same people in another order: the database ends one, and it goes on."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence

import msgspec
import pytest

from gateway.store import list_members, lists
from gateway.store.database import Connection
from gateway.store.persons import person_bucket_of
from tests.store.waiting import wait_for_a_lock
from tests.subscribers.house import NOW, House, browser


async def _bring_a_list(house: House, people: Sequence[str]) -> int:
    """How many people came onto the list."""
    await lists.insert(house.database, house.app.id, "vips", "vips", total_max=1)
    kept = await lists.get(house.database, house.app.id, "vips")
    assert kept is not None
    return (await list_members.add(house.database, house.app, kept.number, persons=people, devices=[])).changed


async def _bring_devices(house: House, people: Sequence[str]) -> int:
    """How many new devices came."""

    async def lines() -> AsyncIterator[bytes]:
        for user in people:
            yield msgspec.json.encode(browser(user=user))

    return (await house.transfer.import_subscriptions(house.app, lines(), now=NOW)).imported


async def _take(tx: Connection, house: House, name: str) -> None:
    await tx.execute("UPDATE persons SET changed_at = now() WHERE app_id = $1 AND person = $2", house.app.id, name)


@pytest.mark.parametrize("bring", [_bring_a_list, _bring_devices])
async def test_an_import_that_was_ended_in_favour_of_somebody_else_is_tried_again(
    house: House, bring: Callable[[House, Sequence[str]], Coroutine[None, None, int]]
):
    """Nobody has to send the file again for that."""
    await _bring_devices(house, ["ada", "bob"])
    first, second = sorted(["ada", "bob"], key=lambda name: (person_bucket_of(house.app, name), name))

    async with house.database.transaction() as tx:
        await _take(tx, house, second)
        coming = asyncio.create_task(bring(house, [first, second]))
        await wait_for_a_lock(house.database)
        await _take(tx, house, first)

    assert await coming == 2
