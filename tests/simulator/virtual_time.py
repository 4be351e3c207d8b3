"""An event loop without a clock of its own: when nobody has anything to do, it is at once as late as the next timer.

Hours pass in milliseconds, and the same seed gives the same history, event by event. Tasks are known by the process
that they belong to (`PROCESS`), so that a process can die with all of them.
"""

import asyncio
import contextvars
import selectors
from collections import defaultdict
from collections.abc import Coroutine, Generator
from typing import Any, Final, TypeVar
from weakref import WeakSet

T = TypeVar("T")
PROCESS: Final[contextvars.ContextVar[int]] = contextvars.ContextVar("PROCESS", default=0)
"""Who runs at the moment; 0: the world itself."""


class NothingWillEverHappen(AssertionError):
    """Everybody waits, and no timer is set."""


class VirtualTimeLoop(asyncio.BaseEventLoop):
    """Time is a number. Starts at zero."""

    def __init__(self) -> None:
        super().__init__()
        self._now_s = 0.0
        self._selector = self
        self.tasks_of: dict[int, WeakSet[asyncio.Task[Any]]] = defaultdict(WeakSet)
        self.set_task_factory(self._new_task)

    def time(self) -> float:
        """Seconds since the beginning of the world."""
        return self._now_s

    def select(self, timeout: float | None) -> list[tuple[selectors.SelectorKey, int]]:
        """What `BaseEventLoop` asks between two rounds: how long to wait. No socket is ever ready."""
        if timeout is None:
            raise NothingWillEverHappen
        self._now_s += max(0.0, timeout)
        return []

    def _process_events(self, _event_list: list[Any]) -> None:
        """There are none."""

    def _new_task(
        self,
        loop: asyncio.AbstractEventLoop,
        coro: Coroutine[Any, Any, T] | Generator[Any, None, T],
        **options: Any,
    ) -> "asyncio.Task[T]":
        task: asyncio.Task[T] = asyncio.Task(coro, loop=loop, **options)  # pyright: ignore[reportArgumentType] - as asyncio's own factory
        self.tasks_of[PROCESS.get()].add(task)
        return task


def run(world: Coroutine[Any, Any, T]) -> T:
    """The end of the world, at once."""
    loop = VirtualTimeLoop()
    try:
        return loop.run_until_complete(world)
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.close()
