"""`steeple restore`: a backup into an empty database."""

import asyncio
from pathlib import Path

import click

from gateway.cli.answer import say
from gateway.cli.command import Verb
from gateway.cli.installation import database_url
from gateway.cli.options import with_settings
from gateway.config import Settings
from gateway.store.dump import restore


@click.command(cls=Verb)
@with_settings
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def command(settings: Settings, file: Path) -> None:
    """Fill an empty database (a new data directory, or a new one of your own) from the backup FILE.

    Messages that were under way when the backup was made go on when the gateway starts: cancel what is no longer true.
    """
    asyncio.run(_restore(settings, file))
    say({"restored": str(file)}, f"Restored {file}. Put the master key of its installation in place before `serve`.")


async def _restore(settings: Settings, file: Path) -> None:
    async with database_url(settings) as (dsn, _):
        await restore(dsn, file)
