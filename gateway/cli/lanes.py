"""`steeple lanes`: which keys stand still or are slowed at which push service, and starting one again."""

from datetime import datetime
from typing import Any

import click

from gateway.cli.answer import hint, say, table
from gateway.cli.client import Gateway
from gateway.cli.command import Verbs
from gateway.cli.options import Id, with_gateway


@click.group(cls=Verbs)
def command() -> None:
    """Look at keys that stand still at a push service, and start them again."""


@command.command("list")
@with_gateway
def list_(gateway: Gateway) -> None:
    """List lanes (a key at a push service) that stand still or are slowed; of all apps with the installation's key."""
    found = list(gateway.pages("/v1/lanes", limit=100))
    if not found:
        say([], "All lanes run freely.")
        return
    columns = ("app", "key", "channel", "host", "state", "reason", "until", "a second")
    say(found, table(columns, map(_row, found)))
    for meaning in dict.fromkeys(f"{lane['reason']}: {lane['meaning']}" for lane in found):
        hint(meaning)


@command.command()
@with_gateway
@click.argument("key_id", metavar="KEY", type=Id("key"))
@click.argument("host")
def resume(gateway: Gateway, *, key_id: str, host: str) -> None:
    """Try a key at a push service again now, after what was wrong with it was mended; who waits for it goes at once."""
    said = gateway.call("POST", "/v1/lanes/resume", {"key": key_id, "host": host})
    say(said, f"{key_id} is tried again at {host} by the next push; if that is taken, all that wait follow.")


def _row(lane: dict[str, Any]) -> tuple[object, ...]:
    until = lane["until"]
    return (
        lane["app"],
        lane["key"],
        lane["channel"],
        lane["host"],
        lane["state"],
        lane["reason"],
        None if until is None else datetime.fromisoformat(until),
        lane["rate_per_s"],
    )
