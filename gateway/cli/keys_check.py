"""`steeple keys check`: does each key open, and does its private half belong to its public one?

Nothing is sent: a push service says only to a real push whether it takes a key.
"""

from typing import Any

import click
import msgspec

from gateway.cli.answer import say, table
from gateway.cli.command import Verb
from gateway.cli.installation import Installation, use
from gateway.cli.options import with_settings
from gateway.config import Settings
from gateway.model.app import App
from gateway.model.errors import GatewayError
from gateway.model.ids import to_text
from gateway.model.limits import PAGE_ROWS_MAX
from gateway.store import apps
from gateway.store.credentials import StoredCredential, list_of_app
from gateway.tenancy.credentials import opened_credential, provider_named
from gateway.wire.vault import SealBroken


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """One key; `problem` is empty when it is fine."""

    app: str
    id: str
    channel: str
    problem: str


@click.command(cls=Verb)
@with_settings
@click.option("--app", "app_name", metavar="APP", help="Only this app's.")
def check(settings: Settings, *, app_name: str | None) -> int:
    """Try every live key without sending anything."""

    async def work(it: Installation) -> list[Checked]:
        return await check_keys(it, None if app_name is None else await it.app(app_name))

    results = use(settings, work)
    rows = [(one.app, one.id, one.channel, one.problem or "fine") for one in results]
    say(results, table(("app", "key", "channel", "result"), rows))
    return 1 if any(one.problem for one in results) else 0


async def check_keys(it: Installation, only: App | None = None) -> list[Checked]:
    """Every live key of one app or of all."""
    results: list[Checked] = []
    after = 0
    while page := [only] if only is not None and not after else await _next_page(it, only, after):
        for app in page:
            results += [_checked(it, app, key) for key in await list_of_app(it.db, app.id) if key.retired_at is None]
        after = page[-1].id
    return results


async def _next_page(it: Installation, only: App | None, after: int) -> list[App]:
    return [] if only is not None else await apps.list_page(it.db, after, PAGE_ROWS_MAX)


def _checked(it: Installation, app: App, key: StoredCredential) -> Checked:
    return Checked(app=app.name, id=to_text("key", key.public_id), channel=key.provider, problem=_problem(it, app, key))


def _problem(it: Installation, app: App, key: StoredCredential) -> str:
    try:
        secret: Any = opened_credential(it.vault, key).secret
        again = provider_named(key.provider).load(secret.decode(), app.subject)
    except GatewayError as refused:
        return refused.message
    except (SealBroken, UnicodeDecodeError):
        return "The sealed key was changed in the database, or belongs to another row: restore it from a backup."
    if again.public.get("vapid_public_key") != key.public.get("vapid_public_key"):
        return "The private key does not belong to the public key that pages subscribe with."
    return ""
