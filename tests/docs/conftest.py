"""A gateway whose database the command line gets to as well, and a reader for each page."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.model.ids import to_text
from gateway.sandbox import Sandbox
from gateway.store import partitions
from gateway.store.database import Database
from gateway.wire.vault import format_master_key
from tests.chaos.processes import free_port
from tests.cli.terminal import Terminal
from tests.docs.reader import Reader
from tests.journeys.world import Shop, World, running_world


@dataclass(frozen=True)
class Installed:
    """A running gateway, and what a shell on its machine needs to know."""

    world: World
    environment: dict[str, str]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def installed(
    new_database: Callable[[str], Awaitable[str]], migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Installed]:
    """One gateway for all pages."""
    folder = tmp_path_factory.mktemp("pages")
    dsn = await new_database(migrated_template)
    master_key = secrets.token_bytes(32)
    db = await Database.open(dsn, size_max=20, name="steeple-pages")
    await partitions.ensure(db, today=datetime.now(UTC).date())
    sandbox = Sandbox(ledger_path=folder / "ledger.ndjson", decrypts=True, directory=folder)
    await sandbox.start()
    environment = {
        "STEEPLE_DATABASE_URL": dsn,
        "STEEPLE_MASTER_KEY": format_master_key(master_key),
        "STEEPLE_DATA_DIR": str(folder / "data"),
    }
    try:
        async with running_world(db, sandbox, shifty_port=free_port(), master_key=master_key) as world:
            yield Installed(world, {**environment, "STEEPLE_URL": world.url})
    finally:
        await sandbox.stop()
        await db.close()


@pytest_asyncio.fixture(loop_scope="session")
async def shop(installed: Installed) -> Shop:
    """A shop without devices."""
    return await installed.world.shop()


@pytest.fixture
def reader(installed: Installed, shop: Shop, tmp_path: Path) -> Reader:
    """Somebody with that shop's key."""
    app = to_text("app", shop.app.public_id)
    gateway = installed.world.base

    async def hear() -> None:
        gateway.keyring.forget(shop.app)
        await gateway.stops.look(gateway.db)

    return Reader(
        session=installed.world.session,
        terminal=Terminal(tmp_path, **installed.environment, STEEPLE_API_KEY=shop.api_key),
        folder=tmp_path,
        names={"API": installed.world.url, "KEY": shop.api_key, "APP": app},
        wait=hear,
    )
