"""The installation as verbs use it that work on the database directly: apps, keys, migrate, doctor.

A running `steeple serve` keeps its embedded Postgres; then that one is used. Else it is started for as long as the verb
runs, and brought up to date, as `serve` would do.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

import msgspec

from gateway.config import Settings
from gateway.model.app import App
from gateway.model.errors import GatewayError
from gateway.model.ids import from_text
from gateway.store import apps
from gateway.store.database import Database
from gateway.store.embedded import EmbeddedPostgres
from gateway.store.migrate import migrate, migrations_folder, pending, read_migrations
from gateway.tenancy.installation import open_vault
from gateway.wire.vault import Vault

_T = TypeVar("_T")
ACTOR: Final = "command line"
"""Who did it, in the audit log."""


class Installation(msgspec.Struct, frozen=True, eq=False):
    """What a verb works on."""

    settings: Settings
    db: Database
    vault: Vault

    async def app(self, name_or_id: str) -> App:
        """The app of that name or `app_...` id; a refusal that says how to see all."""
        public_id = from_text("app", name_or_id)
        found = None if public_id is None else await apps.get_by_public_id(self.db, public_id)
        found = found or await apps.get_by_name(self.db, name_or_id)
        if found is None:
            message = f"There is no app `{name_or_id}`. `steeple app list` names all."
            raise GatewayError("not_found", message, kind="not_found", param="app")
        return found


@asynccontextmanager
async def database_url(settings: Settings) -> "AsyncGenerator[tuple[str, bool]]":
    """The URL of a Postgres that answers, for the length of the block, and whether nobody else serves from it."""
    if settings.database_url:
        yield settings.database_url, False
        return
    running = EmbeddedPostgres(settings.data_path).running_dsn()
    if running is not None:
        yield running, False
        return
    server = EmbeddedPostgres(settings.data_path)
    try:
        yield await server.start(), True
    finally:
        await server.stop()


@asynccontextmanager
async def opened(settings: Settings) -> "AsyncGenerator[Installation]":
    """The installation, its schema up to date."""
    async with database_url(settings) as (dsn, is_ours_alone):
        await _bring_up_to_date(dsn, is_ours_alone=is_ours_alone)
        db = await Database.open(dsn, size_max=2, name="steeple command line")
        try:
            yield Installation(settings, db, await open_vault(settings, db))
        finally:
            await db.close()


def use(settings: Settings, work: Callable[[Installation], Awaitable[_T]]) -> _T:
    """Runs `work` on the installation and gives what it gave."""

    async def run() -> _T:
        async with opened(settings) as installation:
            return await work(installation)

    return asyncio.run(run())


async def _bring_up_to_date(dsn: str, *, is_ours_alone: bool) -> None:
    missing = await pending(dsn, phases=("pre",))
    if not missing:
        return
    all_there_are = [file for file in read_migrations(migrations_folder()) if file.phase == "pre"]
    if is_ours_alone or len(missing) == len(all_there_are):
        await migrate(dsn)
        return
    raise GatewayError(
        "setting_invalid",
        f"The database is older than this program: {missing[0].name} is missing. Run `steeple migrate`.",
    )
