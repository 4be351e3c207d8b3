"""The gateway of the browser tests: `steeple serve` as a process tree of its own, and apps made with an admin's key.

Nothing of it runs inside the test process: what works here works for an operator.
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
import pytest

from e2e.drivers.browser import until
from gateway.wire.vapid import VapidKey

_ROOT: Final = Path(__file__).parents[2]
_START_S: Final = 90.0
_STOP_S: Final = 30.0
_COUNTED_S: Final = 30.0
"""A retry, a lost lease or a machine with too much to do may lie between a click and its count."""


class App:
    """One app of the gateway, as its shop's own server uses it: with the API key."""

    def __init__(self, made: Mapping[str, Any], gateway_url: str, http: aiohttp.ClientSession) -> None:
        self.id: str = made["id"]
        self.snippet: str = made["snippet"]
        self.vapid_key_id: str = made["vapid_key_id"]
        self.api_key: str = made["api_key"]
        self._gateway_url = gateway_url
        self._http = http
        self._headers = {"Authorization": f"Bearer {self.api_key}"}

    async def call(self, method: str, path: str, body: Any = None, *, as_page: bool = False) -> Any:
        """The answer's JSON. Fails the test with the gateway's own words when it refuses. Pages have no key."""
        headers = {} if as_page else self._headers
        request = self._http.request(method, self._gateway_url + path, json=body, headers=headers)
        async with request as answer:
            text = await answer.text()
            assert answer.ok, f"{method} {path}: {answer.status} {text}"
            return msgspec.json.decode(text) if text else None

    async def send(self, audience: dict[str, Any], **message: Any) -> str:
        """Sends; the message's id."""
        return (await self.call("POST", "/v1/messages", {"audience": audience, **message}))["id"]

    async def report(self, message: str) -> dict[str, Any]:
        """What became of a message so far."""
        return await self.call("GET", f"/v1/messages/{message}")

    async def counted(self, message: str, **wanted: int) -> dict[str, int]:
        """The counts of a message, once these are in them; fails the test with what is there instead."""
        counts: dict[str, int] = {}

        async def agree() -> bool:
            counts.update((await self.report(message))["counts"])
            return all(counts[name] == number for name, number in wanted.items())

        try:
            await until(agree, what=f"{wanted}", timeout_s=_COUNTED_S)
        except TimeoutError:
            pytest.fail(f"{message} has {counts}, not {wanted}")
        return counts

    async def done(self, message: str) -> dict[str, Any]:
        """The report of a message of which nothing is left to do."""
        report: dict[str, Any] = {}

        async def is_done() -> bool:
            report.update(await self.report(message))
            return report["state"] == "done"

        await until(is_done, what=f"{message} done", timeout_s=_COUNTED_S)
        return report

    async def until_pages_hear(self, **wanted: Any) -> None:
        """Until pages are told this: the gateway's processes hear of a change within five seconds."""

        async def are_told() -> bool:
            await asyncio.sleep(
                0.2
            )  # a public call: asked any faster, the gateway's rate for one address would run out
            told = await self.call("GET", f"/v1/sdk/config?app={self.id}", as_page=True)
            return all(told.get(name) == value for name, value in wanted.items())

        await until(are_told, what=f"{wanted} in the page's settings", timeout_s=_COUNTED_S)

    async def device(self, subscription: str) -> dict[str, Any]:
        """A device as the shop's server sees it."""
        return await self.call("GET", f"/v1/subscriptions/{subscription}")

    async def devices(self) -> list[dict[str, Any]]:
        """All devices of the app."""
        return (await self.call("GET", "/v1/subscriptions"))["data"]

    async def endpoint(self) -> str:
        """The address of the app's only device, which none but an export tells."""
        async with self._http.get(f"{self._gateway_url}/v1/subscriptions/export", headers=self._headers) as answer:
            (line,) = (await answer.read()).splitlines()
            return msgspec.json.decode(line)["endpoint"]


class Served:
    """A running `steeple serve` on a data directory of its own."""

    def __init__(self, directory: Path, settings: Mapping[str, str]) -> None:
        port, metrics_port = _free_ports(2)
        self.url = f"http://localhost:{port}"
        self._log = directory / "serve.log"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("STEEPLE_")}
        self._environment = {
            **inherited,
            **settings,
            "PYTHONPATH": str(_ROOT),
            "STEEPLE_CONFIG": os.devnull,
            "STEEPLE_DATA_DIR": str(directory / "data"),
            "STEEPLE_BIND": f"127.0.0.1:{port}",
            "STEEPLE_METRICS_BIND": f"127.0.0.1:{metrics_port}",
            "STEEPLE_WORKERS": "1",
        }
        self._process: asyncio.subprocess.Process | None = None
        self._http: aiohttp.ClientSession | None = None
        self._admin_key: str | None = None

    async def start(self) -> None:
        """Starts it, and returns when it takes requests."""
        self._http = aiohttp.ClientSession()
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *_STEEPLE, "serve", env=self._environment, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log
            )
        await until(self._is_ready, what="steeple serve is ready", timeout_s=_START_S)

    async def stop(self) -> None:
        """Ends it as an operator does; its children end with it."""
        if self._http is not None:
            await self._http.close()
        if self._process is None or self._process.returncode is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(_STOP_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def steeple(self, *words: str) -> Any:
        """What a command answers with `--json`, run beside the served gateway."""
        process = await asyncio.create_subprocess_exec(
            *_STEEPLE, *words, "--json",
            env=self._environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        answer, complaint = await process.communicate()
        assert process.returncode == 0, f"steeple {' '.join(words)}: {complaint.decode()}"
        return msgspec.json.decode(answer)

    async def new_app(self, name: str, *origins: str) -> App:
        """An app for these pages, made with an admin's key: a command for each would take a second of every test."""
        assert self._http is not None
        if self._admin_key is None:
            made = await self.steeple("keys", "api", "create", "--name", "tests", "--scope", "admin")
            self._admin_key = made["api_key"]
        headers = {"Authorization": f"Bearer {self._admin_key}"}
        wanted = {
            "name": name,
            "origins": origins,
            "subject": "mailto:push@shop.example",
            "settings": {"quiet_hours": None},
        }
        async with self._http.post(f"{self.url}/v1/apps", json=wanted, headers=headers) as answer:
            text = await answer.text()
            assert answer.ok, f"{answer.status} {text}"
        return App(msgspec.json.decode(text), self.url, self._http)

    async def vapid_key(self, app: App) -> VapidKey:
        """The app's private key, as its operator can have it printed."""
        shown = await self.steeple("keys", "vapid", "export", "--app", app.id, app.vapid_key_id)
        return VapidKey.from_pem(shown["private_key"].encode())

    async def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._http is not None
        if self._process.returncode is not None:
            pytest.fail(f"steeple serve ended; its last words:\n{self._log.read_text(errors='replace')[-4000:]}")
        try:
            async with self._http.get(f"{self.url}/readyz") as answer:
                return answer.ok
        except aiohttp.ClientError:
            return False


_STEEPLE: Final = (sys.executable, "-m", "gateway")


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
