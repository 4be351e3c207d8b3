"""One gateway, database and set of push services for all journeys of a test process; a shop for each."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.sandbox import Sandbox
from gateway.store import partitions
from gateway.store.database import Database
from tests.chaos.processes import free_port
from tests.geo.files import write_places
from tests.journeys.world import Shop, World, running_world


@pytest.fixture(scope="session")
def shifty_port() -> int:
    """Where a push service listens whose name leads somewhere else."""
    return free_port()


@pytest.fixture(scope="session")
def places_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that the gateway looks addresses up in; a test may put another one into its place."""
    return write_places(tmp_path_factory.mktemp("places") / "places.mmdb")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def whole_world(
    new_database: Callable[[str], Awaitable[str]],
    migrated_template: str,
    tmp_path_factory: pytest.TempPathFactory,
    shifty_port: int,
    places_file: Path,
) -> AsyncIterator[World]:
    """The gateway, for all tests."""
    folder: Path = tmp_path_factory.mktemp("push services")
    db = await Database.open(await new_database(migrated_template), size_max=20, name="steeple-journeys")
    await partitions.ensure(db, today=datetime.now(UTC).date())
    sandbox = Sandbox(ledger_path=folder / "ledger.ndjson", decrypts=True, directory=folder)
    await sandbox.start()
    try:
        async with running_world(db, sandbox, shifty_port=shifty_port, places=places_file) as world:
            yield world
    finally:
        await sandbox.stop()
        await db.close()


@pytest.fixture
def world(whole_world: World) -> World:
    """The gateway as of now: no faults on order, and no time has passed."""
    whole_world.faults()
    whole_world.clock.ahead_s = 0.0
    whole_world.answers.clear()
    return whole_world


@pytest_asyncio.fixture(loop_scope="session")
async def shop(world: World) -> Shop:
    """A shop without devices."""
    return await world.shop()
