"""What `steeple keys apns`, `fcm` and `vapid` have in common: bringing a key that others issued, saying it, its end."""

from datetime import UTC, datetime
from typing import Any

import click

from gateway.cli.answer import hint, say
from gateway.cli.app import credential_answer
from gateway.cli.command import Verb
from gateway.cli.installation import ACTOR, Installation, use
from gateway.cli.options import Id, with_settings
from gateway.config import Settings
from gateway.model.ids import to_text
from gateway.store.credentials import StoredCredential
from gateway.tenancy import credentials

app_option = click.option("--app", "app_name", required=True, metavar="APP", help="Name or id of the app.")
current_option = click.option(
    "--current", "is_current", is_flag=True, help="New devices use it from now on; so does the first key of an app."
)


def bring(settings: Settings, app_name: str, channel: str, raw: str, *, is_current: bool) -> StoredCredential:
    """Seals and stores it; one that is there already is not stored twice."""

    async def work(it: Installation) -> StoredCredential:
        app = await it.app(app_name)
        return await credentials.load(it.db, it.vault, app, channel, raw, actor=ACTOR, is_current=is_current)

    return use(settings, work)


def say_key(key: StoredCredential, what_happened: str) -> None:
    """The key by its public half."""
    shown = "\n".join(f"  {field}: {_plain(value)}" for field, value in key.public.items())
    say(credential_answer(key), f"{to_text('key', key.public_id)} is {what_happened}.\n{shown}")


def say_added(key: StoredCredential, app_name: str) -> None:
    """The same of a key that came from elsewhere."""
    say_key(key, "added, and current" if key.is_current else "added")
    hint(f"Nobody was asked yet whether it works: `steeple keys check --app {app_name}` does.")


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


@click.command("retire", cls=Verb)
@with_settings
@app_option
@click.argument("key_id", metavar="KEY", type=Id("key"))
@click.option("--force", is_flag=True, help="Even though subscriptions need it: they are lost.")
def retire(settings: Settings, *, app_name: str, key_id: str, force: bool) -> None:
    """Take a key out of use for ever."""

    async def work(it: Installation) -> int:
        app = await it.app(app_name)
        public_id = credentials.parse_credential_id(key_id)
        return await credentials.retire(it.db, app, public_id, actor=ACTOR, now=datetime.now(UTC), force=force)

    lost = use(settings, work)
    say({"id": key_id, "retired": True, "lost": lost}, f"{key_id} is retired; {lost:,} subscriptions are lost.")
