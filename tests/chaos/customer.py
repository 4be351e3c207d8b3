"""A shop's server that does what ours tells it to: an Idempotency-Key on each order, and again until there is a 202."""

import asyncio
from typing import Any, Final

import aiohttp

from tests.chaos.gateway_process import Serve

_PATIENCE_S: Final = 60.0
_PAUSE_S: Final = 0.1
_AGAIN: Final = frozenset({409, 429, 503})


class Customer:
    """Posts single messages to users u0, u1, ... until `stop`, and keeps its own list of what was promised."""

    def __init__(self, serve: Serve, session: aiohttp.ClientSession, *, name: str) -> None:
        self._serve = serve
        self._session = session
        self._name = name
        self._stopping = asyncio.Event()
        self.promised: dict[str, str] = {}
        """Idempotency-Key -> message id of the 202."""
        self.repeats = 0
        self.replays = 0
        self.refusals: list[tuple[int, Any]] = []

    async def run(self, *, every_s: float = 0.1) -> None:
        """Orders until told to stop; finishes the one it is at."""
        number = 0
        while not self._stopping.is_set():
            await self._order(number)
            number += 1
            await asyncio.sleep(every_s)

    def stop(self) -> None:
        """No further order."""
        self._stopping.set()

    async def _order(self, number: int) -> None:
        key = f"{self._name}-{number}"
        body = {"audience": {"users": [f"u{number}"]}, "title": f"Order {number} left the house"}
        async with asyncio.timeout(_PATIENCE_S):
            while key not in self.promised:
                if not await self._try(key, body):
                    self.repeats += 1
                    await asyncio.sleep(_PAUSE_S)

    async def _try(self, key: str, body: dict[str, Any]) -> bool:
        headers = {**self._serve.shop.headers, "Idempotency-Key": key}
        call = self._session.post(
            f"{self._serve.url}/v1/messages", json=body, headers=headers, timeout=aiohttp.ClientTimeout(total=5)
        )
        try:
            async with call as answer:
                if answer.status == 202:
                    self.promised[key] = (await answer.json())["id"]
                    self.replays += "Idempotent-Replayed" in answer.headers
                    return True
                self.refusals.append((answer.status, await answer.text()))
                assert answer.status in _AGAIN, self.refusals[-1]
                if answer.status in {429, 503}:
                    assert int(answer.headers["Retry-After"]) >= 0
        except (aiohttp.ClientError, TimeoutError):
            pass
        return False
