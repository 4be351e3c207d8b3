"""`steeple export`: an app's subscriptions, in the form that `steeple import` takes."""

import sys
from contextlib import nullcontext
from pathlib import Path

import click

from gateway.cli.answer import hint
from gateway.cli.client import Gateway
from gateway.cli.command import Verbs
from gateway.cli.options import with_gateway


@click.group(cls=Verbs)
def command() -> None:
    """Take subscriptions out."""


@command.command()
@with_gateway
@click.option("-o", "--output", metavar="FILE", help="Where to write; standard output otherwise.")
def subscriptions(gateway: Gateway, *, output: str | None) -> None:
    """Write the app's devices, one JSON object a line."""
    count = 0
    with nullcontext(sys.stdout.buffer) if output is None else Path(output).open("wb") as sink:
        for piece in gateway.lines("/v1/subscriptions/export"):
            sink.write(piece)
            count += piece.count(b"\n")
    hint(f"{count:,} subscriptions written.")
