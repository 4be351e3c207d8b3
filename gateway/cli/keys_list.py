"""`steeple keys list`: every key of an app at its providers, live and retired."""

import click

from gateway.cli.answer import say, table
from gateway.cli.app import credential_answer
from gateway.cli.command import Verb
from gateway.cli.installation import Installation, use
from gateway.cli.keys_brought import app_option
from gateway.cli.options import with_settings
from gateway.config import Settings
from gateway.model.ids import to_text
from gateway.store.credentials import StoredCredential, list_of_app

_TELLING = ("bundle_ids", "project_id", "vapid_public_key")
"""What an operator knows a key by, by the first of these that its public half has."""


@click.command("list", cls=Verb)
@with_settings
@app_option
def list_(settings: Settings, *, app_name: str) -> None:
    """List an app's keys at push services, without the keys themselves."""

    async def work(it: Installation) -> list[StoredCredential]:
        return await list_of_app(it.db, (await it.app(app_name)).id)

    keys = use(settings, work)
    rows = [(to_text("key", key.public_id), key.provider, _for(key), _state(key), key.created_at) for key in keys]
    say([credential_answer(key) for key in keys], table(("key", "channel", "for", "state", "created"), rows))


def _for(key: StoredCredential) -> str | None:
    found = next((key.public[field] for field in _TELLING if field in key.public), None)
    return ", ".join(found) if isinstance(found, list) else found


def _state(key: StoredCredential) -> str:
    if key.retired_at is not None:
        return "retired"
    return "current" if key.is_current else "live"
