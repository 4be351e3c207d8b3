"""`steeple keys check`: does each key open, does it fit its public half, and does its service take it?

Nobody gets anything: what a service can be asked without that is known by its provider (`Transport.check`). Some cannot
be asked at all: a browser's push service says only to a real push whether it takes a key.
"""

import random
from collections.abc import Mapping
from typing import Any, Final

import click
import msgspec

from gateway.app import open_transports
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
from gateway.store.clock import DatabaseClock
from gateway.store.credentials import StoredCredential, list_of_app
from gateway.tenancy.credentials import opened_credential, provider_named
from gateway.transports.base import Transport
from gateway.wire.vault import SealBroken

_MAY_DIFFER: Final = "subject"
"""The contact of the app, which is no part of the key."""


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """One key; `problem` is empty when it is fine."""

    app: str
    id: str
    channel: str
    problem: str


@click.command(cls=Verb)
@with_settings
@click.option("--app", "app_name", metavar="APP", help="Only this app's.")
@click.option("--offline", is_flag=True, help="Ask no service: only whether the keys open and fit together.")
def check(settings: Settings, *, app_name: str | None, offline: bool) -> int:
    """Try every live key, at its service where that can be asked, without sending anything to anybody."""

    async def work(it: Installation) -> list[Checked]:
        only = None if app_name is None else await it.app(app_name)
        if offline:
            return await check_keys(it, only)
        clock = DatabaseClock()
        await clock.sync(it.db)
        async with open_transports(it.settings, it.db, it.vault, clock, dice=random.SystemRandom()) as services:
            return await check_keys(it, only, services=services)

    results = use(settings, work)
    rows = [(one.app, one.id, one.channel, one.problem or "fine") for one in results]
    say(results, table(("app", "key", "channel", "result"), rows))
    return 1 if any(one.problem for one in results) else 0


async def check_keys(
    it: Installation, only: App | None = None, *, services: Mapping[str, Transport] | None = None
) -> list[Checked]:
    """Every live key of one app or of all; without `services` nobody is asked."""
    results: list[Checked] = []
    after = 0
    while page := [only] if only is not None and not after else await _next_page(it, only, after):
        for app in page:
            live = [key for key in await list_of_app(it.db, app.id) if key.retired_at is None]
            results += [await _checked(it, app, key, services or {}) for key in live]
        after = page[-1].id
    return results


async def _next_page(it: Installation, only: App | None, after: int) -> list[App]:
    return [] if only is not None else await apps.list_page(it.db, after, PAGE_ROWS_MAX)


async def _checked(it: Installation, app: App, key: StoredCredential, services: Mapping[str, Transport]) -> Checked:
    problem = _problem(it, app, key)
    if not problem and key.provider in services:
        problem = await services[key.provider].check(opened_credential(it.vault, key)) or ""
    return Checked(app=app.name, id=to_text("key", key.public_id), channel=key.provider, problem=problem)


def _problem(it: Installation, app: App, key: StoredCredential) -> str:
    try:
        secret: Any = opened_credential(it.vault, key).secret
        again = provider_named(key.provider).load(secret.decode(), app.subject)
    except GatewayError as refused:
        return refused.message
    except (SealBroken, UnicodeDecodeError):
        return "The sealed key was changed in the database, or belongs to another row: restore it from a backup."
    if _without_contact(again.public) != _without_contact(key.public):
        return "The private key does not belong to the public half that is shown and that pages subscribe with."
    return ""


def _without_contact(public: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in public.items() if name != _MAY_DIFFER}
