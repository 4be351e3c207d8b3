"""`steeple restore`: a backup into an empty database."""

import asyncio
from pathlib import Path

import click

from gateway.cli.answer import say
from gateway.cli.command import Verb
from gateway.cli.installation import database_url
from gateway.cli.options import with_settings
from gateway.config import Settings
from gateway.store.database import Database
from gateway.store.dump import restore
from gateway.store.recovery import hold_everything


@click.command(cls=Verb)
@with_settings
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--go-on", is_flag=True, help="Let messages that were under way go on: nothing was sent since.")
def command(settings: Settings, file: Path, *, go_on: bool) -> None:
    """Fill an empty database (a new data directory, or a new one of your own) from the backup FILE.

    Messages that were under way when the backup was made, or whose time has come since, are paused: the backup does not
    know whom they reached after it. Resume or cancel each.
    """
    paused = asyncio.run(_restore(settings, file, go_on=go_on))
    text = f"Restored {file}. Put the master key of its installation in place before `serve`."
    if paused:
        text += (
            f"\nMessages that were under way, paused now: {paused}. They may have reached people after the backup"
            " was made. See `steeple messages list --state paused`; then resume or cancel each."
        )
    say({"restored": str(file), "paused": paused}, text)


async def _restore(settings: Settings, file: Path, *, go_on: bool) -> int:
    async with database_url(settings) as (dsn, _):
        await restore(dsn, file)
        if go_on:
            return 0
        db = await Database.open(dsn, size_max=1, name="steeple restore")
        try:
            return await hold_everything(db)
        finally:
            await db.close()
