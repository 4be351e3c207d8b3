"""`steeple bench`: measures this machine with the benchmarks of a checkout."""

import subprocess
import sys
from pathlib import Path
from typing import Final

import click

from gateway.cli.answer import wants_json
from gateway.cli.command import Verb

_CHECKOUT: Final = Path(__file__).resolve().parents[2]


@click.command(cls=Verb, context_settings={"ignore_unknown_options": True})
@click.argument("name", required=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(*, name: str | None, arguments: tuple[str, ...]) -> int:
    """Run the benchmark NAME, with its own arguments behind it; without a name, list all."""
    there = _names(_CHECKOUT / "benchmarks")
    if not there:
        raise click.ClickException("The benchmarks are part of the source code, not of the package: run it there.")
    if name is None:
        click.echo("\n".join(there))
        return 0
    if name not in there:
        raise click.UsageError(f"There is no benchmark `{name}`. There are: {', '.join(there)}.")
    asked = [*arguments, *(["--json"] if wants_json() else [])]
    return subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *asked], cwd=_CHECKOUT, check=False).returncode  # noqa: S603 - our own program


def _names(folder: Path) -> list[str]:
    """The files that are programs, as `-m` takes them."""
    return sorted(
        ".".join(path.relative_to(folder).with_suffix("").parts)
        for path in folder.rglob("*.py")
        if '__name__ == "__main__"' in path.read_text(encoding="utf-8")
    )
