"""`steeple messages`: what was sent, what became of it, and stopping it."""

from datetime import datetime
from typing import Any

import click

from gateway.cli import progress
from gateway.cli.answer import readable, say, table
from gateway.cli.client import Gateway
from gateway.cli.command import Verbs
from gateway.cli.options import Id, with_gateway

_STATES = ("accepted", "scheduled", "planning", "sending", "paused", "done", "cancelled", "failed")


class _Rate(click.ParamType[str]):
    """A number of recipients, or `none`."""

    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text as it is, if it is one of the two."""
        text = str(value)
        if text != "none" and not (text.isascii() and text.isdigit() and int(text) > 0):
            self.fail("it is a number of recipients a minute, or none", param, ctx)
        return text


_RATE = _Rate()


@click.group(cls=Verbs)
def command() -> None:
    """Look at messages, and stop them."""


@command.command("list")
@with_gateway
@click.option("--state", type=click.Choice(_STATES), help="Only those in this state.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many.")
def list_(gateway: Gateway, *, state: str | None, limit: int) -> None:
    """List messages, the newest first."""
    found = list(gateway.pages("/v1/messages", rows_max=limit, state=state, limit=min(limit, 100)))
    if not found:
        say([], "No messages yet. Send one: steeple send --all --title Hello")
        return
    say(found, table(("id", "state", "title", "audience", "sent", "failed", "created"), map(_row, found)))


@command.command()
@with_gateway
@click.argument("message_id", type=Id("msg"))
def show(gateway: Gateway, *, message_id: str) -> None:
    """Say what became of a message."""
    message = gateway.call("GET", f"/v1/messages/{message_id}")
    say(message, progress.sentence(message), progress.figures(message))


@command.command()
@with_gateway
@click.argument("message_id", type=Id("msg"))
def cancel(gateway: Gateway, *, message_id: str) -> None:
    """Stop a message for good; what has gone out stays out."""
    _steer(gateway, message_id, "cancel")


@command.command()
@with_gateway
@click.argument("message_id", type=Id("msg"))
def pause(gateway: Gateway, *, message_id: str) -> None:
    """Hold a message until it is resumed."""
    _steer(gateway, message_id, "pause")


@command.command()
@with_gateway
@click.argument("message_id", type=Id("msg"))
def resume(gateway: Gateway, *, message_id: str) -> None:
    """Let a paused message go on."""
    _steer(gateway, message_id, "resume")


@command.command()
@with_gateway
@click.argument("message_id", type=Id("msg"))
@click.option("--title", metavar="TEXT", help="Show this in its place; without a text it is closed.")
@click.option("--body", metavar="TEXT")
@click.option("--url", metavar="URL", help="The page that a click on that opens; else the front page.")
def recall(gateway: Gateway, *, message_id: str, **replacement: str | None) -> None:
    """Take back a message that was sent wrongly: stop it, and close or replace it where it is shown."""
    body = {name: text for name, text in replacement.items() if text is not None}
    made = gateway.call("POST", f"/v1/messages/{message_id}/recall", body)
    stopped = " It was stopped." if made["stopped"] else ""
    asked = made.get("approval") or {}
    goes = "goes to those who got it"
    if asked.get("state") == "needed":
        goes = f"goes to those who got it once it is approved ({asked['audience']} devices)"
    say(made, f"{message_id} is taken back by {made['id']}, which {goes}.{stopped}")


@command.command()
@with_gateway
@click.argument("message_id", type=Id("msg"))
@click.option("--audience", type=int, metavar="N", help="The number of its audience: needed with the key that sent it.")
def approve(gateway: Gateway, *, message_id: str, audience: int | None) -> None:
    """Approve a message to more people than one may decide about."""
    body = {} if audience is None else {"audience": audience}
    message = gateway.call("POST", f"/v1/messages/{message_id}/approve", body)
    say(message, f"{message_id} is approved: {message['state']}, due {readable(message['due_at'])}.")


@command.command("set")
@with_gateway
@click.argument("message_id", type=Id("msg"))
@click.option(
    "--per-minute", type=_RATE, metavar="N|none", help="So many recipients a minute; none: as fast as it goes."
)
@click.option("--at", metavar="TIME", help="When the rest goes out, such as 2026-12-01T09:00:00+01:00.")
def set_(gateway: Gateway, *, message_id: str, per_minute: str | None, at: str | None) -> None:
    """Change what has not gone out of a message: how fast, and when."""
    body: dict[str, Any] = {}
    if per_minute is not None:
        body["limits"] = {"per_minute": None if per_minute == "none" else int(per_minute)}
    if at is not None:
        body["schedule"] = {"at": at}
    if not body:
        raise click.UsageError("Say what to change: --per-minute or --at.")
    message = gateway.call("PATCH", f"/v1/messages/{message_id}", body)
    rate = message["per_minute"]
    pace = "as fast as it goes" if rate is None else f"{rate:,} a minute"
    say(message, f"{message_id} is {message['state']}: {pace}, due {readable(message['due_at'])}.")


def _steer(gateway: Gateway, message_id: str, order: str) -> None:
    message = gateway.call("POST", f"/v1/messages/{message_id}/{order}")
    say(message, f"{message_id} is {message['state']}.")


def _row(message: dict[str, Any]) -> tuple[object, ...]:
    title = message.get("title") or ""
    counts = message.get("counts") or {}
    return (
        message["id"],
        message["state"],
        title if isinstance(title, str) else next(iter(title.values()), ""),
        counts.get("audience", 0),
        counts.get("sent", 0),
        counts.get("failed", 0),
        datetime.fromisoformat(message["created_at"]),
    )
