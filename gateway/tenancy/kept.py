"""Remembers for a few seconds what the database said, so that a busy process asks once and not for each request."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from gateway.model.limits import KEPT_ENTRIES_MAX, KEPT_S, MISS_KEPT_S

K = TypeVar("K")
V = TypeVar("V")


class Kept(Generic[K, V]):
    """Answers of `load` by key: found ones for 5 seconds, None for one. Many who ask at once share one question."""

    def __init__(self, load: Callable[[K], Awaitable[V | None]], *, clock: Callable[[], float]) -> None:
        """`clock` counts seconds and never goes back."""
        self._load = load
        self._clock = clock
        self._answers: OrderedDict[K, tuple[float, V | None]] = OrderedDict()
        self._asked: dict[K, asyncio.Task[V | None]] = {}

    async def get(self, key: K) -> V | None:
        """What `load` says, or said a moment ago; raises what it raises, which is not remembered."""
        answer = self._answers.get(key)
        if answer is not None and self._clock() < answer[0]:
            self._answers.move_to_end(key)
            return answer[1]
        task = self._asked.get(key)
        if task is None:
            task = self._asked[key] = asyncio.create_task(self._ask(key))
        # Whoever gives up waiting does not take the answer away from the others.
        return await asyncio.shield(task)

    def forget(self, key: K) -> None:
        """The next one asks anew, and an answer that is under way is not remembered."""
        self._answers.pop(key, None)
        self._asked.pop(key, None)

    async def _ask(self, key: K) -> V | None:
        me = asyncio.current_task()
        try:
            value = await self._load(key)
            if self._asked.get(key) is me:
                self._remember(key, value)
            return value
        finally:
            if self._asked.get(key) is me:
                del self._asked[key]

    def _remember(self, key: K, value: V | None) -> None:
        self._answers[key] = (self._clock() + (MISS_KEPT_S if value is None else KEPT_S), value)
        self._answers.move_to_end(key)
        if len(self._answers) > KEPT_ENTRIES_MAX:
            self._answers.popitem(last=False)
