"""`steeple import`: subscriptions or users from a file into an app."""

import csv
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, BinaryIO, Final

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from gateway.cli.answer import hint, is_watched, say
from gateway.cli.client import Gateway
from gateway.cli.command import Verbs
from gateway.cli.options import with_gateway
from gateway.cli.user_files import CsvLines, Pieces, gathered

_PIECE_BYTES: Final = 64 * 1024
_ERRORS_SHOWN: Final = 10


@click.group(cls=Verbs)
def command() -> None:
    """Bring subscriptions or users in from elsewhere."""


@command.command()
@with_gateway
@click.argument("file", metavar="FILE")
def subscriptions(gateway: Gateway, *, file: str) -> int:
    """Import devices from FILE (`-`: standard input), one JSON object a line.

    A line: {"channel": "...", "endpoint": "...", "keys": {"p256dh": "...", "auth": "..."}} and, if known, user, topics,
    tags, language, timezone, country, created_at. A device that is there already is brought up to date.
    """
    with nullcontext(sys.stdin.buffer) if file == "-" else Path(file).open("rb") as source, progress_bar() as bar:
        size = None if file == "-" else Path(file).stat().st_size
        answer = gateway.upload("/v1/subscriptions/import", pieces(source, bar, size))
    return _told(answer)


@command.command()
@with_gateway
@click.argument("file", metavar="FILE")
@click.option("--format", "form", type=click.Choice(["csv", "ndjson"]), help="By the file's name otherwise.")
def users(gateway: Gateway, *, file: str, form: str | None) -> int:
    """Import users from FILE (`-`: standard input): CSV with a heading, or one JSON object a line.

    A user who is there already is changed; what a line leaves out stays. Columns of a CSV file: external_id, language,
    timezone, country, email, phone; `tags.x` is the tag x, everything else an attribute. `zip:text` keeps a number a
    text, `likes:list` and aliases (other names) are taken apart at `|`. Semicolons and tabs do as well as commas.
    """
    is_csv = form == "csv" or (form is None and file.lower().endswith(".csv"))
    with nullcontext(sys.stdin.buffer) if file == "-" else Path(file).open("rb") as source, progress_bar() as bar:
        read = pieces(source, bar, None if file == "-" else Path(file).stat().st_size)
        if not is_csv:
            return _told(gateway.upload("/v1/users/import", read))
        try:
            lines = CsvLines(Pieces(read))
            answer = gateway.upload("/v1/users/import", gathered(lines, _PIECE_BYTES))
        except UnicodeDecodeError as fault:
            raise click.ClickException("The file is not in UTF-8. Save it again as `CSV UTF-8`.") from fault
        except csv.Error as fault:
            raise click.ClickException(f"The file cannot be read as CSV: {fault}.") from fault
    for error in answer["errors"]:
        error["line"] = lines.line_of(error["line"])
    return _told(answer)


def _told(answer: dict[str, Any]) -> int:
    for error in answer["errors"][:_ERRORS_SHOWN]:
        hint(f"line {error['line']}: {error['message']}")
    if answer["rejected"] > _ERRORS_SHOWN:
        hint(f"... and {answer['rejected'] - _ERRORS_SHOWN:,} more; --json names the first hundred.")
    say(answer, f"{answer['imported']:,} imported, {answer['updated']:,} updated, {answer['rejected']:,} rejected.")
    return 1 if answer["rejected"] else 0


def progress_bar() -> Progress:
    """How far an upload is, for who watches."""
    return Progress(
        TextColumn("importing"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not is_watched(),
    )


def pieces(source: BinaryIO, bar: Progress, size: int | None) -> Iterator[bytes]:
    """The file, piece by piece, while the bar moves."""
    task = bar.add_task("", total=size)
    while piece := source.read(_PIECE_BYTES):
        bar.update(task, advance=len(piece))
        yield piece
