"""`steeple keys api`: keys that shops and operators call the API with."""

from datetime import UTC, datetime, timedelta
from typing import Any

import click

from gateway.cli.answer import hint, say, table
from gateway.cli.command import Verbs
from gateway.cli.installation import ACTOR, Installation, use
from gateway.cli.options import Id, with_settings
from gateway.config import Settings
from gateway.model.app import DEVICE, SCOPES, ApiKey, Scope
from gateway.model.ids import from_text, to_text
from gateway.store import api_keys
from gateway.tenancy.api_keys import IssuedKey, issue, publishable_text, revoke

_SECRET = [scope for scope in SCOPES if scope != DEVICE]


def _app_option(verb: Any) -> Any:
    return click.option("--app", "app_name", metavar="APP", help="Name or id of the app; else the installation's.")(
        verb
    )


@click.group(cls=Verbs)
def api() -> None:
    """API keys, of an app or of the whole installation."""


@api.command()
@with_settings
@_app_option
@click.option("--name", required=True, help="What it is for, such as 'shop backend'.")
@click.option("--scope", "scopes", multiple=True, type=click.Choice(_SECRET), help="Repeatable; send and read if none.")
@click.option("--publishable", is_flag=True, help="For an app on phones: registers devices, and is no secret.")
@click.option("--days", type=click.IntRange(min=1, max=3650), metavar="N", help="Ends by itself after so many days.")
def create(
    settings: Settings,
    *,
    app_name: str | None,
    name: str,
    scopes: tuple[Scope, ...],
    publishable: bool,
    days: int | None,
) -> None:
    """Make an API key. A secret one is shown this once."""
    if publishable and (scopes or app_name is None):
        raise click.UsageError("A publishable key is an app's (--app) and has no scopes of your choice.")
    expires_at = None if days is None else datetime.now(UTC) + timedelta(days=days)

    async def work(it: Installation) -> IssuedKey:
        app_id = await _app_id(it, app_name)
        wanted = (DEVICE,) if publishable else scopes or ("send", "read")
        return await issue(it.db, app_id=app_id, name=name, scopes=wanted, actor=ACTOR, expires_at=expires_at)

    issued = use(settings, work)
    say({**_answer(issued.key), "api_key": issued.text}, issued.text)
    told = "no secret: `steeple keys api list` shows it again" if issued.key.is_publishable else "shown this once"
    hint(f"{to_text('key', issued.key.id)} may {', '.join(issued.key.scopes)}. It is {told}.")


@api.command("list")
@with_settings
@_app_option
def list_(settings: Settings, *, app_name: str | None) -> None:
    """List API keys; the texts of publishable ones, which are no secrets."""

    async def work(it: Installation) -> list[ApiKey]:
        return await api_keys.list_of_app(it.db, await _app_id(it, app_name))

    keys = use(settings, work)
    rows = [
        (to_text("key", key.id), key.name, ", ".join(key.scopes), _state(key), key.last_used_at, _text(key))
        for key in keys
    ]
    say(
        [{**_answer(key), "publishable_key": _text(key)} for key in keys],
        table(("key", "name", "may", "state", "last used", "publishable text"), rows),
    )


@api.command("revoke")
@with_settings
@_app_option
@click.argument("key_id", metavar="KEY", type=Id("key"))
def revoke_(settings: Settings, *, app_name: str | None, key_id: str) -> None:
    """End an API key; running processes believe it for some seconds more."""
    number = from_text("key", key_id)
    assert number is not None, "checked by Id"

    async def work(it: Installation) -> None:
        await revoke(it.db, app_id=await _app_id(it, app_name), key_id=number, actor=ACTOR)

    use(settings, work)
    say({"id": key_id, "revoked": True}, f"{key_id} is revoked.")


async def _app_id(it: Installation, app_name: str | None) -> int | None:
    return None if app_name is None else (await it.app(app_name)).id


def _answer(key: ApiKey) -> dict[str, Any]:
    return {
        "id": to_text("key", key.id),
        "name": key.name,
        "scopes": list(key.scopes),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "last_used_at": key.last_used_at,
    }


def _text(key: ApiKey) -> str | None:
    return publishable_text(key.id) if key.is_publishable else None


def _state(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "live" if key.expires_at is None else f"until {key.expires_at:%Y-%m-%d}"
