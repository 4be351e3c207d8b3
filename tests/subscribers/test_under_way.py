"""Batches of an import: side by side where they may be, one after the other where they must."""

import asyncio

import pytest

from gateway.subscribers.under_way import UnderWay


class Desk:
    """Where batches are written: notes who is there, and waits until it is let go."""

    def __init__(self) -> None:
        self.here = list[str]()
        self.done = list[str]()
        self.doors = dict[str, asyncio.Event]()

    async def write(self, name: str) -> None:
        self.here.append(name)
        await self.doors.setdefault(name, asyncio.Event()).wait()
        self.done.append(name)

    def let(self, name: str) -> None:
        self.doors.setdefault(name, asyncio.Event()).set()


async def test_batches_about_others_are_written_side_by_side():
    """At most two; the third waits for the first."""
    desk = Desk()
    async with UnderWay() as under_way:
        for name in ("ab", "cd"):
            assert not await under_way.room_for(set(name))
            under_way.begin(set(name), desk.write(name))
        third = asyncio.create_task(under_way.room_for({"e"}))
        await asyncio.sleep(0)
        assert desk.here == ["ab", "cd"]
        assert not third.done()
        desk.let("ab")
        assert await third
        desk.let("cd")
    assert desk.done == ["ab", "cd"]


async def test_batches_about_the_same_come_one_after_the_other():
    """Of two lines about one person the later one holds."""
    desk = Desk()
    async with UnderWay() as under_way:
        under_way.begin({"a", "b"}, desk.write("first"))
        second = asyncio.create_task(under_way.room_for({"b", "c"}))
        await asyncio.sleep(0)
        assert not second.done()
        desk.let("first")
        assert await second
        assert desk.done == ["first"]


async def test_what_goes_wrong_ends_the_rest():
    """Whoever sent the file is told, and nothing goes on behind their back."""
    desk = Desk()

    async def break_down() -> None:
        raise RuntimeError("gone")

    with pytest.raises(RuntimeError, match="gone"):
        async with UnderWay() as under_way:
            under_way.begin({"a"}, break_down())
            under_way.begin({"b"}, desk.write("b"))
            await under_way.room_for({"a"})
    assert (desk.here, desk.done) == (["b"], [])
