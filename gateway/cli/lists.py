"""`steeple lists`: people and devices that a shop names, from a file."""

import sys
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import click

from gateway.cli.answer import hint, say, table
from gateway.cli.client import Gateway, Refused
from gateway.cli.command import Verbs
from gateway.cli.import_ import pieces, progress_bar
from gateway.cli.options import with_gateway

_ERRORS_SHOWN: Final = 10
_JSON_LINES: Final = (".ndjson", ".jsonl", ".json")


@click.group(cls=Verbs)
def command() -> None:
    """Keep lists of people and devices, from files."""


@command.command("list")
@with_gateway
def list_(gateway: Gateway) -> None:
    """List the app's lists."""
    found = list(gateway.pages("/v1/lists"))
    if not found:
        say([], "No lists yet. Make one: steeple lists import vips vips.csv")
        return
    say(found, table(("slug", "name", "made", "imported"), map(_row, found)))


@command.command()
@with_gateway
@click.argument("slug", metavar="NAME")
def show(gateway: Gateway, *, slug: str) -> None:
    """Say how many are on a list."""
    one = gateway.call("GET", f"/v1/lists/{slug}", count="true")
    counts = one["counts"]
    say(one, f"{one['name']}: {counts['users']:,} users; {counts['devices']:,} devices can be sent to.")


@command.command("import")
@with_gateway
@click.argument("slug", metavar="NAME")
@click.argument("file", metavar="FILE")
@click.option("--remove", "mode", flag_value="remove", help="Take those in FILE off the list.")
@click.option("--replace", "mode", flag_value="replace", help="Let the list be those in FILE, once all are read.")
def import_(gateway: Gateway, *, slug: str, file: str, mode: str | None) -> int:
    """Put those in FILE (`-`: standard input) on the list NAME, which is made if it is not there.

    One id a line: a user's, or sub_...; CSV (its first column), or JSON texts where FILE ends in .ndjson.
    """
    _make(gateway, slug)
    media = "application/x-ndjson" if file.endswith(_JSON_LINES) else "text/csv"
    with nullcontext(sys.stdin.buffer) if file == "-" else Path(file).open("rb") as source, progress_bar() as bar:
        size = None if file == "-" else Path(file).stat().st_size
        path = f"/v1/lists/{slug}/import"
        answer = gateway.upload(path, pieces(source, bar, size), media=media, mode=mode)
    for error in answer["errors"][:_ERRORS_SHOWN]:
        hint(f"line {error['line']}: {error['message']}")
    if answer["rejected"] > _ERRORS_SHOWN:
        hint(f"... and {answer['rejected'] - _ERRORS_SHOWN:,} more; --json names the first hundred.")
    done = "taken off" if mode == "remove" else "put on"
    say(
        answer,
        f"{answer['changed']:,} {done} {slug}, {answer['unchanged']:,} as before, {answer['rejected']:,} rejected.",
    )
    return 1 if answer["rejected"] else 0


@command.command()
@with_gateway
@click.argument("slug", metavar="NAME")
def delete(gateway: Gateway, *, slug: str) -> None:
    """Delete a list; the people on it stay."""
    gateway.call("DELETE", f"/v1/lists/{slug}")
    say({"slug": slug, "deleted": True}, f"{slug} is deleted.")


def _make(gateway: Gateway, slug: str) -> None:
    """Makes the list unless it is there."""
    try:
        gateway.call("POST", "/v1/lists", {"slug": slug})
    except Refused as refused:
        if refused.error["code"] != "name_taken":
            raise


def _row(one: dict[str, Any]) -> tuple[object, ...]:
    imported = one["imported_at"]
    made = datetime.fromisoformat(one["created_at"])
    return one["slug"], one["name"], made, None if imported is None else datetime.fromisoformat(imported)
