"""`steeple bench`: measures this machine with the load generator of a checkout."""

import subprocess
import sys
from pathlib import Path
from typing import Final

import click

from gateway.cli.command import Verb

_CHECKOUT: Final = Path(__file__).resolve().parents[2]


@click.command(cls=Verb, context_settings={"ignore_unknown_options": True, "help_option_names": ["--about"]})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def command(ctx: click.Context, arguments: tuple[str, ...]) -> int:
    """Send to the sandbox's devices and measure; the arguments go to benchmarks/load.py."""
    if not (_CHECKOUT / "benchmarks" / "load.py").is_file():
        raise click.ClickException("The load generator is part of the source code, not of the package: run it there.")
    asked = [*arguments, *(["--json"] if ctx.meta.get("steeple.json") else [])]
    return subprocess.run([sys.executable, "-m", "benchmarks.load", *asked], cwd=_CHECKOUT, check=False).returncode  # noqa: S603 - our own program
