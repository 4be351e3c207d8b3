"""A shop's server: an app, its key, its devices, and the calls that it makes."""

import io
from typing import Any

import aiohttp

from tests.chaos.processes import SandboxProcess, until


class Shop:
    """One app of a running gateway."""

    def __init__(self, url: str, session: aiohttp.ClientSession, app: dict[str, Any]) -> None:
        self.url = url
        self.app = app
        self._session = session

    @property
    def headers(self) -> dict[str, str]:
        """Who we are."""
        return {"Authorization": f"Bearer {self.app['api_key']}"}

    async def call(
        self, method: str, path: str, body: Any = None, *, key: str = "", within_s: float = 60
    ) -> tuple[int, Any]:
        """Status and JSON of one call. `key`: its Idempotency-Key."""
        headers = {**self.headers, **({"Idempotency-Key": key} if key else {})}
        patience = aiohttp.ClientTimeout(total=within_s)
        async with self._session.request(
            method, self.url + path, json=body, headers=headers, timeout=patience
        ) as answer:
            return answer.status, await answer.json()

    async def fill(self, sandbox: SandboxProcess, devices: int, *, prefix: str = "", users: str = "u") -> None:
        """Virtual devices of users u0, u1, ...: minted by the sandbox, imported by the gateway.

        prefix: how their tokens begin, for faults that strike only these.
        """
        query = {
            "n": str(devices),
            "vapid_public_key": self.app["vapid_public_key"],
            "vapid_key_id": self.app["vapid_key_id"],
            "user_prefix": users,
            "prefix": prefix,
        }
        async with self._session.post(f"{sandbox.origin}/sandbox/mint", params=query) as minted:
            lines = await minted.read()
        assert await self.take(lines) == devices

    async def take(self, lines: bytes) -> int:
        """Imports devices, one JSON a line; how many."""
        call = self._session.post(
            f"{self.url}/v1/subscriptions/import",
            data=io.BytesIO(lines),
            headers={**self.headers, "Content-Type": "application/x-ndjson"},
            timeout=aiohttp.ClientTimeout(total=120),
        )
        async with call as answer:
            said = await answer.json()
        assert answer.status == 200, said
        return said["imported"]

    async def send(self, **fields: Any) -> str:
        """The id of a message that got its 202."""
        body = {"audience": {"all": True}, "title": "Evening bell", **fields}
        status, said = await self.call("POST", "/v1/messages", body)
        assert status == 202, said
        return said["id"]

    async def message(self, message: str) -> dict[str, Any]:
        """A message with its figures."""
        status, said = await self.call("GET", f"/v1/messages/{message}")
        assert status == 200, said
        return said

    async def done(self, message: str, *, within_s: float, state: str = "done") -> dict[str, Any]:
        """The message, once it is done."""

        async def is_done() -> dict[str, Any] | None:
            try:
                said = await self.message(message)
            except (aiohttp.ClientError, AssertionError, TimeoutError):
                return None
            return said if said["state"] == state and said["exact"] else None

        found = await until(f"message {message} is {state}", is_done, within_s=within_s, every_s=0.2)
        assert found is not None
        return found

    async def came_to(self, message: str, part: str, n: int, *, within_s: float) -> dict[str, Any]:
        """The message, once so many of its recipients are counted so."""

        async def is_so() -> dict[str, Any] | None:
            said = await self.message(message)
            return said if said["counts"][part] >= n else None

        found = await until(f"{n} of {message} are {part}", is_so, within_s=within_s, every_s=0.2)
        assert found is not None
        return found
