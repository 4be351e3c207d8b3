"""What a verb says: a sentence or a table for people, one JSON value for programs.

Answers go to standard output, everything else (progress, hints, refusals) to standard error, so that output can be
piped. What others wrote, such as an app's name, is shown without its control characters.
"""

import re
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

_JSON_ASKED: Final = "steeple.json"
_WIDTH_PIPED: Final = 100_000


def note_json(ctx: click.Context, _option: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's signature
    """Callback of `--json`: remembered for the whole command."""
    if value:
        ctx.meta[_JSON_ASKED] = True


def wants_json() -> bool:
    """Whether the user asked for JSON."""
    ctx = click.get_current_context(silent=True)
    return bool(ctx is not None and ctx.meta.get(_JSON_ASKED))


def is_watched() -> bool:
    """Whether a person sits at a terminal and wants to see things move."""
    return not wants_json() and sys.stdout.isatty() and sys.stderr.isatty()


def say(value: Any, *texts: str | Table) -> None:
    """The answer of a verb: `value` as one line of JSON, or the texts."""
    if wants_json():
        click.echo(msgspec.json.encode(value))
        return
    for text in texts:
        click.echo(_drawn(text) if isinstance(text, Table) else printable(text))


def hint(text: str) -> None:
    """Something for people only, on standard error."""
    if not wants_json():
        click.echo(printable(text), err=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A plain table; numbers stand to the right."""
    listed = [tuple(row) for row in rows]
    shown = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for index, column in enumerate(columns):
        is_number = bool(listed) and all(isinstance(row[index], int) for row in listed)
        shown.add_column(column, justify="right" if is_number else "left", no_wrap=True, overflow="ignore")
    for row in listed:
        shown.add_row(*(Text(printable(cell)) for cell in row))
    return shown


def printable(value: object) -> str:
    """Text that cannot move the cursor, ring the bell or set a colour. None is a dash."""
    text = "-" if value is None else f"{value:%Y-%m-%d %H:%M:%S %Z}" if isinstance(value, datetime) else str(value)
    return "".join(char if char in "\n\t" or char.isprintable() else "\ufffd" for char in text)


def readable(moment: str) -> str:
    """A time of the API, such as `2026-12-01T09:00:00.5Z`, as tables show it."""
    return printable(datetime.fromisoformat(moment))


def complain(error: dict[str, Any], *, as_json: bool) -> None:
    """A refusal on standard error: one sentence, with the field at fault, or the error object."""
    if as_json:
        click.echo(msgspec.json.encode({"error": error}), err=True)
    else:
        click.echo(f"steeple: {printable(_placed(error))}", err=True)


def _placed(error: dict[str, Any]) -> str:
    """The sentence, with the field that it is about where it does not name that itself."""
    field, message = error.get("param"), error["message"]
    is_named = field is None or re.search(rf"\b{re.escape(field)}\b", message)
    return message if is_named else f"{field}: {message}"


def _drawn(shown: Table) -> str:
    # A pipe has no width: wrapped lines would break whatever reads them.
    console = Console() if sys.stdout.isatty() else Console(width=_WIDTH_PIPED)
    with console.capture() as drawing:
        console.print(shown)
    return "\n".join(line.rstrip() for line in drawing.get().splitlines())
