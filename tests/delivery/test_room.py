"""How many recipients are under way at once."""

import asyncio

import pytest

from gateway.delivery.room import Room


async def test_whoever_asks_gets_what_there_is():
    """A group is as large as there is room, up to its bound."""
    room = Room(700)

    assert await room.take(at_least=50, at_most=500) == 500
    assert await room.take(at_least=50, at_most=500) == 200
    assert room.free == 0


async def test_a_full_room_is_waited_for_in_order():
    """Two chunks wait: the first that asked is the first that reads."""
    room = Room(100)
    assert await room.take(at_least=50, at_most=100) == 100
    order: list[int] = []

    async def ask(number: int) -> None:
        await room.take(at_least=60, at_most=60)
        order.append(number)

    waiting = [asyncio.create_task(ask(number)) for number in (1, 2)]
    await asyncio.sleep(0)
    room.give_back(50)
    await asyncio.sleep(0)
    assert order == []
    room.give_back(50)
    await asyncio.wait_for(waiting[0], 1)
    assert order == [1]
    room.give_back(60)
    await asyncio.wait_for(waiting[1], 1)
    assert (order, room.free) == ([1, 2], 40)


async def test_nobody_overtakes_who_was_called():
    """Between the call and the waking, another one asks: the places are set aside already."""
    room = Room(50)
    await room.take(at_least=50, at_most=50)
    first = asyncio.create_task(room.take(at_least=50, at_most=500))
    await asyncio.sleep(0)

    room.give_back(50)
    second = asyncio.create_task(room.take(at_least=50, at_most=50))
    await asyncio.sleep(0)

    assert await first == 50
    assert not second.done()
    second.cancel()


@pytest.mark.parametrize("is_called", [False, True])
async def test_who_goes_away_leaves_no_hole(is_called: bool):  # noqa: FBT001 - a parameter of the test
    """A process that stops cancels its groups, before their turn or in the very moment of it."""
    room = Room(50)
    await room.take(at_least=50, at_most=50)
    gone, next_one = (asyncio.create_task(room.take(at_least=50, at_most=50)) for _ in range(2))
    await asyncio.sleep(0)

    if is_called:
        room.give_back(50)
        gone.cancel()
    else:
        gone.cancel()
        room.give_back(50)

    assert await asyncio.wait_for(next_one, 1) == 50
    assert gone.cancelled() or await asyncio.gather(gone, return_exceptions=True)
    assert room.free == 0
