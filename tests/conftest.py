"""What every test may ask for: a Postgres, a database of its own, a place for data; and the guard that keeps us home.

`STEEPLE_TEST_POSTGRES` runs the suite on another Postgres: a major version that Debian's packages installed ("15"), or
the folder of an installation.
"""

import asyncio
import contextlib
import ipaddress
import itertools
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from hypothesis import settings

if TYPE_CHECKING:
    from gateway.store.database import Database
    from gateway.store.embedded import EmbeddedPostgres

_FOLDER_PREFIX = "steeple-test-"
_TEMPLATE = "steeple_template"
_IN_FIXTURE = "imported by who asks for a database: most tests need none"


# An example may take as long as a busy machine makes it: how fast anything is, is measured elsewhere.
settings.register_profile("steeple", deadline=None)
settings.load_profile("steeple")


class BeyondLoopbackError(AssertionError):
    """A test tried to talk to the outside."""


@pytest.fixture(scope="session", autouse=True)
def _stay_home() -> Iterator[None]:
    """No test talks beyond this machine: a connection to anything but loopback or a Unix socket raises."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def guarded_connect(self: socket.socket, address: Any) -> None:
        _refuse_beyond_loopback(self, address)
        return connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        _refuse_beyond_loopback(self, address)
        return connect_ex(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
        yield


def _refuse_beyond_loopback(sock: socket.socket, address: Any) -> None:
    if sock.family == socket.AF_UNIX or address[0] == "localhost":
        return
    try:
        if ipaddress.ip_address(address[0]).is_loopback:
            return
    except ValueError:
        pass
    raise BeyondLoopbackError(f"a test tried to connect to {address!r}")


@pytest.fixture(scope="session")
def binaries() -> Path | None:
    """The Postgres that the suite was asked to run on; None: the one we ship."""
    asked = os.environ.get("STEEPLE_TEST_POSTGRES", "")
    if asked.isdigit():
        return Path("/usr/lib/postgresql") / asked
    return Path(asked) if asked else None


@pytest.fixture(scope="session")
def open_folder() -> Callable[[], contextlib.AbstractContextManager[Path]]:
    """Makes folders that the database's account gets to, for fixtures that live longer than a test."""
    return _open_folder


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data directory that does not exist yet, where the database's account gets to even if we are root."""
    with _open_folder() as folder:
        yield folder / "data"


@contextlib.contextmanager
def _open_folder() -> Generator[Path]:
    # Not tmp_path: pytest closes its folders to everybody else.
    folder = Path(tempfile.mkdtemp(prefix=f"{_FOLDER_PREFIX}{os.getpid()}-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres(binaries: Path | None) -> "AsyncIterator[EmbeddedPostgres]":
    """The server of this test process. Skips fsync: nothing in it outlives the run."""
    from gateway.store.embedded import EmbeddedPostgres  # noqa: PLC0415 - see _IN_FIXTURE

    await _sweep()
    with _open_folder() as folder:
        server = EmbeddedPostgres(folder / "data", binaries=binaries, durable=False)
        await server.start()
        try:
            yield server
        finally:
            await server.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def new_database(postgres: "EmbeddedPostgres") -> "AsyncIterator[Callable[[str], Awaitable[str]]]":
    """Makes a database like the one named ("template0" is empty) and returns its URL; all are dropped in the end."""
    import asyncpg  # noqa: PLC0415 - see _IN_FIXTURE

    owner = await asyncpg.connect(postgres.dsn)
    numbers = itertools.count(1)

    async def make(template: str) -> str:
        name = f"test_{next(numbers)}"
        await owner.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return postgres.dsn.replace("/steeple?", f"/{name}?")

    try:
        yield make
    finally:
        await owner.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def migrated_template(postgres: "EmbeddedPostgres") -> str:
    """The name of a database with all migrations applied and no row in it."""
    import asyncpg  # noqa: PLC0415 - see _IN_FIXTURE

    from gateway.store.migrate import migrate  # noqa: PLC0415 - see _IN_FIXTURE

    owner = await asyncpg.connect(postgres.dsn)
    await owner.execute(f"CREATE DATABASE {_TEMPLATE} TEMPLATE template0")
    await owner.close()
    await migrate(postgres.dsn.replace("/steeple?", f"/{_TEMPLATE}?"))
    return _TEMPLATE


@pytest_asyncio.fixture(loop_scope="session")
async def dsn(
    postgres: "EmbeddedPostgres", new_database: Callable[[str], Awaitable[str]], migrated_template: str
) -> AsyncIterator[str]:
    """The URL of a fresh, migrated database, for tests that start processes. Dropped afterwards."""
    url = await new_database(migrated_template)
    yield url
    await drop_database(postgres.dsn, url)


@pytest_asyncio.fixture(loop_scope="session")
async def empty_dsn(postgres: "EmbeddedPostgres", new_database: Callable[[str], Awaitable[str]]) -> AsyncIterator[str]:
    """The URL of a fresh database without a table. Dropped afterwards."""
    url = await new_database("template0")
    yield url
    await drop_database(postgres.dsn, url)


@pytest_asyncio.fixture(loop_scope="session")
async def database(dsn: str) -> "AsyncIterator[Database]":
    """A pool on a fresh, migrated database."""
    from gateway.store.database import Database  # noqa: PLC0415 - see _IN_FIXTURE

    pool = await Database.open(dsn, name="steeple-test")
    try:
        yield pool
    finally:
        await pool.close()


async def drop_database(owner_dsn: str, url: str) -> None:
    """Drops the database of the URL, whoever is connected."""
    import asyncpg  # noqa: PLC0415 - see _IN_FIXTURE

    name = url.rpartition("?")[0].rpartition("/")[2]
    owner = await asyncpg.connect(owner_dsn)
    await owner.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    await owner.close()


async def _sweep() -> None:
    """Ends the servers of test runs that were killed, and removes their folders."""
    from gateway.store.embedded import EmbeddedPostgres, EmbeddedPostgresError  # noqa: PLC0415 - see _IN_FIXTURE

    for folder in await asyncio.to_thread(_abandoned_folders):
        for data in folder.iterdir():
            left = EmbeddedPostgres(data)
            with contextlib.suppress(EmbeddedPostgresError):
                if left.running_dsn() is not None:
                    await left.stop()
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _abandoned_folders() -> list[Path]:
    def is_abandoned(folder: Path) -> bool:
        run = folder.name.removeprefix(_FOLDER_PREFIX).partition("-")[0]
        return folder.stat().st_uid == os.geteuid() and not Path("/proc", run).exists()

    return [folder for folder in Path(tempfile.gettempdir()).glob(f"{_FOLDER_PREFIX}*") if is_abandoned(folder)]
