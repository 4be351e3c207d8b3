"""One gateway per file of tests, with 20,000 devices at the rehearsal push services."""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests.chaos.books import Book
from tests.chaos.gateway_process import Serve
from tests.chaos.processes import SandboxProcess, sandbox_process

DEVICES = 20_000
OpenFolder = Callable[[], contextlib.AbstractContextManager[Path]]


@pytest.fixture(scope="module")
def folder(open_folder: OpenFolder) -> Generator[Path]:
    """A place for everything, with a space in its name."""
    with open_folder() as path:
        place = path / "of the chaos"
        place.mkdir(mode=0o755)
        yield place


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Connections of the shop's server."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def sandbox(folder: Path) -> AsyncIterator[SandboxProcess]:
    """Push services."""
    async with sandbox_process(folder) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def serve(folder: Path, sandbox: SandboxProcess, session: aiohttp.ClientSession) -> AsyncIterator[Serve]:
    """A gateway with a shop and its devices."""
    async with filled(Serve(folder / "data", [sandbox], session), sandbox) as running:
        yield running


@contextlib.asynccontextmanager
async def filled(serve: Serve, sandbox: SandboxProcess, devices: int = DEVICES) -> AsyncGenerator[Serve]:
    """It runs, has an app with devices, and leaves nothing behind."""
    try:
        await serve.start()
        await serve.make_app()
        await serve.shop.fill(sandbox, devices)
        yield serve
    finally:
        await serve.clean_up()


@pytest.fixture(scope="module")
def book(sandbox: SandboxProcess) -> Book:
    """What the push services took."""
    return Book(sandbox.ledger)


@pytest.fixture(autouse=True)
def _told_extras(request: pytest.FixtureRequest) -> Iterator[None]:
    """The report says how many extra copies the case cost."""
    if "book" not in request.fixturenames:
        yield
        return
    book: Book = request.getfixturevalue("book")
    before = book.extras
    yield
    # Not by record_property, which warns of the format of reports: readers of ours take it as it is.
    request.node.user_properties.append(("extras", str(book.extras - before)))
