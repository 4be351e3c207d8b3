"""Writes of an import that go on in the background: a few at once, and never two about the same rows.

While the database works on one batch, the next is read, checked and prepared. Two batches about the same people or
addresses come one after the other, so that of two lines the later one holds.
"""

import asyncio
from collections import deque
from collections.abc import Coroutine, Hashable
from collections.abc import Set as AbstractSet
from typing import Self

from gateway.model.limits import IMPORT_WRITES_MAX


class UnderWay:
    """Batches that are being written. Leaving the block waits for the rest; with a fault it gives them up."""

    def __init__(self) -> None:
        self._held: deque[tuple[asyncio.Task[None], AbstractSet[Hashable]]] = deque()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, fault: type[BaseException] | None, *_: object) -> None:
        try:
            while fault is None and self._held:
                await self._finish_one()
        finally:
            left = [task for task, _ in self._held]
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def room_for(self, rows: AbstractSet[Hashable]) -> bool:
        """Waits until there is room, and no batch under way is about one of these rows; whether it had to wait.

        Raises what a batch under way raised.
        """
        has_waited = False
        while len(self._held) >= IMPORT_WRITES_MAX or not all(map(rows.isdisjoint, self._rows())):
            await self._finish_one()
            has_waited = True
        return has_waited

    def begin(self, rows: AbstractSet[Hashable], writing: Coroutine[None, None, None]) -> None:
        """Begins to write what `room_for` found room for."""
        self._held.append((asyncio.create_task(writing), rows))

    def _rows(self) -> list[AbstractSet[Hashable]]:
        return [rows for _, rows in self._held]

    async def _finish_one(self) -> None:
        await self._held[0][0]
        self._held.popleft()
