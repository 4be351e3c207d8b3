"""`steeple segments`: audiences saved under a name."""

from datetime import datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from gateway.cli.answer import say, table
from gateway.cli.client import Gateway, Refused
from gateway.cli.command import Verbs
from gateway.cli.options import with_gateway


def json_or_file(_ctx: click.Context, _option: click.Parameter, value: str | None) -> dict[str, Any] | None:
    """The object in a text, or in the file that `@...` names."""
    if value is None:
        return None
    text = Path(value[1:]).read_bytes() if value.startswith("@") else value.encode()
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise click.BadParameter('expected a JSON object, such as {"topics": "sale"}, or @FILE') from None


@click.group(cls=Verbs)
def command() -> None:
    """Save audiences under a name, and see how many are in them."""


@command.command("list")
@with_gateway
@click.option("--count", is_flag=True, help="Also how many devices are in each.")
def list_(gateway: Gateway, *, count: bool) -> None:
    """List the app's segments."""
    found = list(gateway.pages("/v1/segments", count="true" if count else None, limit=20))
    if not found:
        say([], """No segments yet. Make one: steeple segments create regulars '{"topics": "sale"}'""")
        return
    columns = ("slug", "name", "version", "changed", *(("devices",) if count else ()))
    say(found, table(columns, map(_row, found)))


@command.command()
@with_gateway
@click.argument("slug", metavar="NAME")
@click.argument("audience", callback=json_or_file)
@click.option("--title", "name", metavar="TEXT", help="What people read; NAME where left out.")
def create(gateway: Gateway, *, slug: str, audience: dict[str, Any], name: str | None) -> None:
    """Save AUDIENCE (JSON as in a message, or @FILE) as NAME. One that is there is changed."""
    fields = {"audience": audience, **({} if name is None else {"name": name})}
    made = _changed(gateway, slug, fields) or gateway.call("POST", "/v1/segments", {"slug": slug, **fields})
    say(made, f"{slug} is saved, version {made['version']}.")


@command.command()
@with_gateway
@click.argument("slug", metavar="NAME")
@click.option("--exact", is_flag=True, help="Count everybody, however long it takes.")
def show(gateway: Gateway, *, slug: str, exact: bool) -> None:
    """Say what a segment is, and how many are in it."""
    one = gateway.call("GET", f"/v1/segments/{slug}", count="true", exact="true" if exact else None)
    written = msgspec.json.format(msgspec.json.encode(one["audience"]), indent=2).decode()
    say(one, f"{one['name']}: {_counted(one['count'])}", written)


@command.command()
@with_gateway
@click.argument("slug", metavar="NAME")
def delete(gateway: Gateway, *, slug: str) -> None:
    """Delete a segment that nothing uses any more."""
    gateway.call("DELETE", f"/v1/segments/{slug}")
    say({"slug": slug, "deleted": True}, f"{slug} is deleted.")


def _changed(gateway: Gateway, slug: str, fields: dict[str, Any]) -> Any:
    """The segment after a change; None where there is none of this name."""
    try:
        return gateway.call("PATCH", f"/v1/segments/{slug}", fields)
    except Refused as refused:
        if refused.error["code"] != "not_found":
            raise
        return None


def _row(one: dict[str, Any]) -> tuple[object, ...]:
    changed = datetime.fromisoformat(one["changed_at"])
    row = (one["slug"], one["name"], one["version"], changed)
    return (*row, one["count"]["devices"]) if "count" in one else row


def _counted(count: dict[str, Any]) -> str:
    about = "" if count["exact"] else "about "
    return f"{about}{count['devices']:,} devices."
