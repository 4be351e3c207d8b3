"""Servers of their own for the tests that break them."""

import contextlib
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.store.embedded import EmbeddedPostgres, EmbeddedPostgresError
from tests.store.rows import db, shared_database

__all__ = ["MakeServer", "OpenFolder", "db", "shared_database"]  # the last two are fixtures from elsewhere

OpenFolder = Callable[[], AbstractContextManager[Path]]
MakeServer = Callable[..., EmbeddedPostgres]


@pytest_asyncio.fixture(loop_scope="session")
async def make_server(binaries: Path | None) -> AsyncIterator[MakeServer]:
    """Makes servers that are ended with the test."""
    made: list[EmbeddedPostgres] = []

    def make(data_dir: Path, *, programs: Path | None = None, durable: bool = False) -> EmbeddedPostgres:
        made.append(server := EmbeddedPostgres(data_dir, binaries=programs or binaries, durable=durable))
        return server

    yield make
    for server in made:
        with contextlib.suppress(EmbeddedPostgresError):
            await server.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _prototype(binaries: Path | None, open_folder: OpenFolder) -> AsyncIterator[Path]:
    with open_folder() as folder:
        server = EmbeddedPostgres(folder / "data", binaries=binaries, durable=False)
        await server.start()
        await server.stop()
        yield folder / "data"


@pytest.fixture
def made_data_dir(_prototype: Path, data_dir: Path) -> Path:
    """A data directory with a database in it whose server was stopped: quicker than making one for each test."""
    subprocess.run(["cp", "-a", _prototype, data_dir], check=True)
    return data_dir
