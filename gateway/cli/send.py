"""`steeple send`: the fields of `POST /v1/messages` as options."""

import secrets
from typing import Any

import click

from gateway.cli import preview, progress
from gateway.cli.answer import hint, is_watched, say
from gateway.cli.client import Gateway
from gateway.cli.command import Verb
from gateway.cli.message_options import check_audience, request_of, with_message
from gateway.cli.options import with_gateway


@click.command(cls=Verb)
@with_gateway
@with_message
@click.option("--idempotency-key", metavar="TEXT", help="The same key sends once, however often it is asked.")
@click.option("--dry-run", is_flag=True, help="Say who would get it; send nothing.")
@click.option("--preview-for", metavar="USER", help="Show what this user would read on each device; send nothing.")
@click.option("--wait/--no-wait", default=None, help="Watch until it is done; on a terminal by default.")
def command(
    gateway: Gateway,
    *,
    message: dict[str, Any],
    idempotency_key: str | None,
    dry_run: bool,
    preview_for: str | None,
    wait: bool | None,
    **flags: Any,
) -> int:
    """Send a message."""
    body = request_of(message, flags)
    if preview_for is not None:
        return preview.show_person(gateway.call("POST", "/v1/messages/preview", body, user=preview_for))
    check_audience(body)
    if dry_run:
        return preview.show_dry_run(gateway.call("POST", "/v1/messages", body, dry_run="true"))
    # A key of our own makes a repeat by the network harmless; it is new with each command.
    sent = gateway.call("POST", "/v1/messages", body, idempotency_key=idempotency_key or f"cli-{secrets.token_hex(16)}")
    is_waiting = is_watched() and sent["state"] != "scheduled" if wait is None else wait
    if not is_waiting:
        say(sent, progress.taken(sent))
        return 0
    hint(f"{sent['id']} is on its way.")
    try:
        ended = progress.follow(gateway, sent)
    except KeyboardInterrupt:
        raise progress.interrupted(sent["id"]) from None
    say(ended, progress.sentence(ended), progress.figures(ended))
    return progress.exit_code(ended)
