"""`steeple migrate`: brings the schema up to date."""

import asyncio

import click

from gateway.cli.answer import say
from gateway.cli.command import Verb
from gateway.cli.installation import database_url
from gateway.cli.options import with_settings
from gateway.config import Settings
from gateway.store.migrate import Migration, migrate


@click.command(cls=Verb)
@with_settings
@click.option("--dry-run", is_flag=True, help="Only name what would be applied.")
def command(settings: Settings, *, dry_run: bool) -> None:
    """Bring the database's schema up to date."""
    names = [migration.name for migration in asyncio.run(_migrate(settings, dry_run=dry_run))]
    if not names:
        text = "The schema is up to date."
    else:
        text = "\n".join([f"{'Would apply' if dry_run else 'Applied'} {len(names)}:", *names])
    say({"dry_run": dry_run, "migrations": names}, text)


async def _migrate(settings: Settings, *, dry_run: bool) -> list[Migration]:
    async with database_url(settings) as (dsn, _):
        return await migrate(dsn, dry_run=dry_run)
