"""`steeple version`."""

import platform

import click

from gateway import __version__
from gateway.cli.answer import say
from gateway.cli.command import Verb


@click.command(cls=Verb)
def command() -> None:
    """Say which version this is."""
    python = platform.python_version()
    say({"version": __version__, "python": python}, f"steeple {__version__} (Python {python})")
