"""A sandbox with a clock that tests move, application servers for browsers and apps, and a scripted Firefox."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from gateway.sandbox import Sandbox
from sandbox.actors import AppServer, Clock, FirefoxLine
from sandbox.app_senders import AppleSender, GoogleSender


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def sandbox(tmp_path: Path, clock: Clock) -> AsyncIterator[Sandbox]:
    async with Sandbox(ledger_path=tmp_path / "ledger.ndjson", decrypts=True, clock=clock) as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        yield session


@pytest.fixture
def server(http: aiohttp.ClientSession, clock: Clock) -> AppServer:
    return AppServer(http, clock)


@pytest.fixture
async def firefox(http: aiohttp.ClientSession, sandbox: Sandbox) -> AsyncIterator[FirefoxLine]:
    async with FirefoxLine(http, sandbox.firefox_ws_url) as line:
        await line.come()
        yield line


@pytest.fixture
async def apple(sandbox: Sandbox, clock: Clock) -> AsyncIterator[AppleSender]:
    sender = AppleSender(sandbox, clock)
    yield sender
    await sender.close()


@pytest.fixture
async def google(sandbox: Sandbox, clock: Clock) -> AsyncIterator[GoogleSender]:
    sender = GoogleSender(sandbox, clock)
    yield sender
    await sender.close()
