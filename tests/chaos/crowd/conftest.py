"""A gateway for all files here: people with two devices each, spread over buckets, whose devices read what they get."""

import json
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
import pytest
import pytest_asyncio

from gateway.model.ids import to_text
from tests.chaos.books import Book
from tests.chaos.gateway_process import Serve
from tests.chaos.processes import SandboxProcess, sandbox_process

PEOPLE: Final = 3_000
DEVICES: Final = 2 * PEOPLE
_BUCKETS: Final = 4


class Crowd(msgspec.Struct, frozen=True, eq=False):
    """The gateway, the push services, and what those took of its messages."""

    serve: Serve
    sandbox: SandboxProcess
    book: Book

    def shown(self, *messages: str) -> list[dict[str, Any]]:
        """Every push of these messages that a device could read, in order of time."""
        return list(self._read(set(messages)))

    def _read(self, messages: set[str]) -> Iterator[dict[str, Any]]:
        with self.sandbox.ledger.open(encoding="utf-8") as lines:
            for line in lines:
                if line.endswith("\n") and (entry := json.loads(line)).get("message") in messages:
                    yield entry

    async def person_of(self) -> dict[str, str]:
        """Whose each device is, by the id that a payload names."""
        rows = await self.serve.fetch("SELECT id, person FROM subscriptions WHERE person IS NOT NULL")
        return {to_text("sub", row["id"]): row["person"] for row in rows}


@pytest.fixture(scope="package")
def folder(open_folder: Callable[[], AbstractContextManager[Path]]) -> Generator[Path]:
    """A place for everything."""
    with open_folder() as path:
        place = path / "of the crowd"
        place.mkdir(mode=0o755)
        yield place


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Connections of the shop's server."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as opened:
        yield opened


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def crowd(folder: Path, session: aiohttp.ClientSession) -> AsyncIterator[Crowd]:
    """All of it, for all tests of this folder."""
    async with sandbox_process(folder, "opened", decrypts=True) as sandbox:
        serve = Serve(folder / "data", [sandbox], session)
        try:
            await serve.start()
            await serve.make_app()
            await serve.fetch("UPDATE apps SET spread = $1", _BUCKETS)
            await serve.stop()
            await serve.start()  # processes keep what they know of apps for a while
            for _ in range(DEVICES // PEOPLE):
                await serve.shop.fill(sandbox, PEOPLE)
            yield Crowd(serve, sandbox, Book(sandbox.ledger))
        finally:
            await serve.clean_up()


@pytest.fixture
def book(crowd: Crowd) -> Book:
    """What the push services took."""
    return crowd.book
