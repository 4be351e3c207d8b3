"""`steeple backup`: the whole database in one file."""

import asyncio
from pathlib import Path

import click

from gateway.cli.answer import say
from gateway.cli.command import Verb
from gateway.cli.installation import database_url
from gateway.cli.options import with_settings
from gateway.config import Settings
from gateway.store.dump import dump


@click.command(cls=Verb)
@with_settings
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def command(settings: Settings, file: Path) -> None:
    """Write the whole database into FILE, while the gateway goes on.

    The master key is not in it: without the key no secret of the backup can be opened. Keep a copy of it elsewhere.
    """
    size_bytes = asyncio.run(_dump(settings, file))
    key = settings.master_key_file or str(settings.data_path / "master.key")
    where = "the setting master_key" if settings.master_key else key
    say(
        {"file": str(file), "bytes": size_bytes, "master_key": where},
        f"{file}: {size_bytes:,} bytes. The master key is not in it; keep a copy apart from the backup: {where}.",
    )


async def _dump(settings: Settings, file: Path) -> int:
    async with database_url(settings) as (dsn, _):
        return await dump(dsn, file)
