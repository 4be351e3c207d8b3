"""`steeple keys meter`: who has moved to which key, and from when on an old one may go."""

from datetime import UTC, datetime
from typing import Any

import click

from gateway.cli.answer import say, table
from gateway.cli.command import Verb
from gateway.cli.installation import Installation, use
from gateway.cli.keys_brought import app_option
from gateway.cli.options import with_settings
from gateway.config import Settings
from gateway.model.ids import to_text
from gateway.tenancy.key_meter import KeyReading, read

_COLUMNS = ("key", "channel", "state", "devices", "share", "came over", "last seen", "may retire")


@click.command("meter", cls=Verb)
@with_settings
@app_option
def meter(settings: Settings, *, app_name: str) -> None:
    """Show how many devices each key of an app has, and from when on one may be retired.

    Browsers move to the current key with their next visit. Who needs an old one has not been there since.
    """

    async def work(it: Installation) -> list[KeyReading]:
        return await read(it.db, await it.app(app_name), now=datetime.now(UTC))

    readings = use(settings, work)
    say([_answer(one) for one in readings], table(_COLUMNS, [_row(one) for one in readings]))


def _answer(one: KeyReading) -> dict[str, Any]:
    return {
        "id": to_text("key", one.key.public_id),
        "channel": one.key.provider,
        "is_current": one.key.is_current,
        "devices": one.devices,
        "share": one.share,
        "came_over": one.came_over,
        "last_seen_at": one.last_seen_at,
        "may_retire_at": one.may_retire_at,
    }


def _row(one: KeyReading) -> tuple[Any, ...]:
    state = "current" if one.key.is_current else "live"
    return (
        to_text("key", one.key.public_id), one.key.provider, state, f"{one.devices:,}", f"{one.share:.1%}",
        f"{one.came_over:,}", one.last_seen_at, one.may_retire_at,
    )  # fmt: skip
