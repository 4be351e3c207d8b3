"""`steeple export`: an app's subscriptions or users, in the form that `steeple import` takes, or its consents."""

import sys
from contextlib import nullcontext
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from gateway.cli.answer import hint, is_watched
from gateway.cli.client import Gateway
from gateway.cli.command import Verbs
from gateway.cli.options import with_gateway


@click.group(cls=Verbs)
def command() -> None:
    """Take subscriptions, users or consents out."""


@command.command()
@with_gateway
@click.option("-o", "--output", metavar="FILE", help="Where to write; standard output otherwise.")
def subscriptions(gateway: Gateway, *, output: str | None) -> None:
    """Write the app's devices, one JSON object a line."""
    hint(f"{_written(gateway, '/v1/subscriptions/export', output):,} subscriptions written.")


@command.command()
@with_gateway
@click.option("-o", "--output", metavar="FILE", help="Where to write; standard output otherwise.")
def users(gateway: Gateway, *, output: str | None) -> None:
    """Write the app's users, one JSON object a line, with e-mail addresses and phone numbers."""
    hint(f"{_written(gateway, '/v1/users/export', output):,} users written.")


@command.command()
@with_gateway
@click.option("-o", "--output", metavar="FILE", help="Where to write; standard output otherwise.")
def consents(gateway: Gateway, *, output: str | None) -> None:
    """Write who agreed to what, when, where and how, and took it back: one JSON object a line."""
    hint(f"{_written(gateway, '/v1/consents/export', output):,} records written.")


def _written(gateway: Gateway, path: str, output: str | None) -> int:
    count = 0
    counting = Progress(
        TextColumn("exporting"), TextColumn("{task.completed:,.0f} lines"), TimeElapsedColumn(),
        console=Console(stderr=True), transient=True, disable=output is None or not is_watched(),
    )  # fmt: skip
    with nullcontext(sys.stdout.buffer) if output is None else Path(output).open("wb") as sink, counting as bar:
        task = bar.add_task("", total=None)
        for piece in gateway.lines(path):
            sink.write(piece)
            count += piece.count(b"\n")
            bar.update(task, completed=count)
    return count
