"""How many recipients a process may have under way: what a crash may repeat, and what its memory holds."""

import asyncio
from collections import deque


class Room:
    """Places for recipients, given out in the order of asking."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def free(self) -> int:
        """Places that nobody holds."""
        return self._free

    async def take(self, *, at_least: int, at_most: int) -> int:
        """Waits until there is room for `at_least`; how many places (up to `at_most`) are the caller's now."""
        if self._waiting or self._free < at_least:
            await self._turn(at_least)
        else:
            self._free -= at_least
        more = min(self._free, at_most - at_least) if not self._waiting else 0
        self._free -= more
        return at_least + more

    def give_back(self, places: int) -> None:
        """Frees places."""
        self._free += places
        self._wake()

    async def _turn(self, places: int) -> None:
        """Waits; the places are set aside in the moment of waking, before anybody else can ask."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((places, turn))
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self._free += places
            else:
                self._waiting = deque(one for one in self._waiting if one[1] is not turn)
            self._wake()
            raise

    def _wake(self) -> None:
        while self._waiting and self._free >= self._waiting[0][0]:
            places, turn = self._waiting.popleft()
            if not turn.done():
                self._free -= places
                turn.set_result(None)
