"""`steeple users`: one person, as the gateway knows them."""

import sys
from typing import Any
from urllib.parse import quote

import click

from gateway.cli.answer import is_watched, say, table
from gateway.cli.client import Gateway
from gateway.cli.command import Verbs
from gateway.cli.options import with_gateway


@click.group(cls=Verbs)
def command() -> None:
    """See, export and erase people."""


@command.command()
@with_gateway
@click.argument("user", metavar="ID")
def show(gateway: Gateway, *, user: str) -> None:
    """Show a person, by the shop's own id or another name of theirs."""
    said = gateway.call("GET", _path(user))
    known = [(name, said[name]) for name in ("language", "timezone", "country", "email", "phone") if said[name]]
    rows = [
        ("id", said["external_id"]),
        *([("other names", ", ".join(said["aliases"]))] if said["aliases"] else []),
        *known,
        *((f"attribute {name}", _shown(value)) for name, value in said["attributes"].items()),
        *((f"tag {name}", _shown(value)) for name, value in said["tags"].items()),
        *((f"event {name}", _event(facts)) for name, facts in said["events"].items()),
        ("devices", ", ".join(said["subscriptions"]) or "none"),
        ("since", said["created_at"]),
    ]
    say(said, table(("user", said["external_id"]), rows))


@command.command()
@with_gateway
@click.argument("user", metavar="ID")
def export(gateway: Gateway, *, user: str) -> None:
    """Write everything that is held on a person, as one JSON document."""
    for piece in gateway.lines(f"{_path(user)}/export"):
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.write(b"\n")


@command.command()
@with_gateway
@click.argument("user", metavar="ID")
def consents(gateway: Gateway, *, user: str) -> None:
    """Show what a person agreed to, when, where and how, and what they took back."""
    said = gateway.call("GET", f"{_path(user)}/consents")
    rows = [
        (one["at"], one["act"], one["how"], one.get("page") or "", one.get("text") or ", ".join(one.get("topics", [])))
        for one in said["data"]
    ]
    columns = ("when", "what", "how", "where", "words or topics")
    say(said, table(columns, rows) if rows else "There is no consent on record.")


@command.command()
@with_gateway
@click.argument("user", metavar="ID")
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase(gateway: Gateway, *, user: str, yes: bool) -> None:
    """Erase a person with all of their devices. It cannot be undone."""
    if not yes:
        if not is_watched():
            raise click.UsageError("Erasing a user cannot be undone; add --yes.")
        click.confirm(f"{user} and all of their devices will be gone. Go on?", abort=True)
    gateway.call("DELETE", _path(user))
    say({"external_id": user, "erased": True}, f"{user} is erased.")


def _path(user: str) -> str:
    return f"/v1/users/{quote(user, safe='')}"


def _shown(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)


def _event(facts: dict[str, Any]) -> str:
    worth = f", worth {facts['sum']:,}" if facts["sum"] else ""
    return f"{facts['count']:,} times{worth}, last {facts['last']}"
