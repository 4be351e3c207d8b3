"""`steeple app`: the sites and products that this gateway serves."""

from typing import Any

import click
import msgspec

from gateway.cli.answer import hint, is_watched, say, table
from gateway.cli.command import Verbs
from gateway.cli.installation import ACTOR, Installation, use
from gateway.cli.options import with_settings
from gateway.config import Settings
from gateway.model.app import App
from gateway.model.errors import Invalid
from gateway.model.ids import to_text
from gateway.model.limits import PAGE_ROWS_MAX
from gateway.store import apps
from gateway.store.credentials import StoredCredential, list_of_app
from gateway.tenancy.apps import CreatedApp, change_app, create_app, delete_app
from gateway.tenancy.stopping import start_app, stop_app


@click.group(cls=Verbs)
def command() -> None:
    """Make, see and end apps: one for each site or product."""


@command.command()
@with_settings
@click.argument("name")
@click.option("--origin", "origins", multiple=True, required=True, metavar="URL", help="Such as https://shop.example.")
@click.option("--subject", metavar="URI", help="Contact for push services: mailto:... or https://...")
@click.option(
    "--link-host", "link_hosts", multiple=True, metavar="HOST", help="Where links may lead; else the origins."
)
def create(
    settings: Settings, *, name: str, origins: tuple[str, ...], subject: str | None, link_hosts: tuple[str, ...]
) -> None:
    """Make an app with its keys, and say what goes into the shop's pages."""
    contact = subject or settings.vapid_subject or _contact_of(origins)

    async def work(installation: Installation) -> CreatedApp:
        return await create_app(
            installation.db,
            installation.vault,
            name=name,
            origins=origins,
            subject=contact,
            link_hosts=link_hosts,
            actor=ACTOR,
        )

    created = use(settings, work)
    answer = _created(created, settings.url)
    rows = [(field.replace("_", " "), value) for field, value in answer.items() if field not in {"snippet", "origins"}]
    say(
        answer,
        table(("app", name), rows[:1] + rows[2:]),
        "The API key is shown this once. Put this line into the shop's pages:\n",
        f"  {answer['snippet']}",
    )
    if not settings.public_url:
        hint(f"\nBrowsers elsewhere cannot reach {settings.url}: set STEEPLE_PUBLIC_URL to how they can.")


def _contact_of(origins: tuple[str, ...]) -> str:
    """A site is a contact, too (RFC 8292 section 2.1 takes https); a page of this machine is none."""
    for origin in origins:
        if origin.startswith("https://"):
            return origin
    raise Invalid(
        "subject_invalid",
        "Push services want a contact: add --subject mailto:you@shop.example, or set STEEPLE_VAPID_SUBJECT.",
        param="subject",
    )


def _created(created: CreatedApp, gateway_url: str) -> dict[str, Any]:
    key_id = created.vapid_key_public_id
    return {
        "id": to_text("app", created.app.public_id),
        "name": created.app.name,
        "origins": list(created.app.origins),
        "vapid_public_key": created.vapid_public_key,
        "vapid_key_id": None if key_id is None else to_text("key", key_id),
        "api_key": created.api_key_text,
        "snippet": created.snippet(gateway_url),
    }


@command.command("list")
@with_settings
def list_(settings: Settings) -> None:
    """List all apps."""
    found = use(settings, _all_apps)
    if not found:
        say([], "No apps yet. Make one: steeple app create shop --origin https://shop.example")
        return
    rows = [(to_text("app", app.public_id), app.name, ", ".join(app.origins), app.created_at) for app in found]
    say([_app(app) for app in found], table(("id", "name", "origins", "created"), rows))


async def _all_apps(installation: Installation) -> list[App]:
    found: list[App] = []
    while page := await apps.list_page(installation.db, found[-1].id if found else 0, PAGE_ROWS_MAX):
        found += page
    return found


def _app(app: App) -> dict[str, Any]:
    return {
        "id": to_text("app", app.public_id),
        "name": app.name,
        "origins": list(app.origins),
        "link_hosts": sorted(app.allowed_hosts),
        "subject": app.subject,
        "settings": msgspec.to_builtins(app.own),
        "created_at": app.created_at,
    }


@command.command()
@with_settings
@click.argument("name")
def show(settings: Settings, *, name: str) -> None:
    """Show an app, by its name or id, with its keys."""

    async def work(installation: Installation) -> tuple[App, list[StoredCredential]]:
        app = await installation.app(name)
        return app, await list_of_app(installation.db, app.id)

    app, keys = use(settings, work)
    answer = {**_app(app), "keys": [credential_answer(key) for key in keys]}
    shown = {field: value for field, value in _app(app).items() if field != "settings"}
    rows = [(field, ", ".join(value) if isinstance(value, list) else value) for field, value in shown.items()]
    say(answer, table(("app", app.name), rows), settings_table(app), *([credential_table(keys)] if keys else []))


@command.command("set")
@with_settings
@click.argument("name")
@click.argument("choices", nargs=-1, required=True, metavar="KEY=VALUE...")
def set_(settings: Settings, *, name: str, choices: tuple[str, ...]) -> None:
    """Choose settings of an app.

    A value is JSON or plain text: timezone=Europe/Amsterdam, open_topics=false. `default` takes a setting back. A
    running gateway follows within five seconds.
    """
    chosen = dict(_choice(text) for text in choices)

    async def work(installation: Installation) -> App:
        return await change_app(installation.db, await installation.app(name), actor=ACTOR, settings=chosen)

    app = use(settings, work)
    say(_app(app), settings_table(app))


def _choice(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise click.UsageError(f"`{text}` is not of the form KEY=VALUE, such as timezone=Europe/Amsterdam.")
    try:
        return key, msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError):
        return key, value


def settings_table(app: App) -> Any:
    """The settings in force, as people read them."""
    values = msgspec.to_builtins(app.own)
    return table(("setting", "value"), [(key, _shown(value)) for key, value in sorted(values.items())])


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def credential_answer(key: StoredCredential) -> dict[str, Any]:
    """A key of an app at a provider, as programs see it: never its secret."""
    return {
        "id": to_text("key", key.public_id),
        "channel": key.provider,
        "is_current": key.is_current,
        "public": key.public,
        "created_at": key.created_at,
        "retired_at": key.retired_at,
    }


def credential_table(keys: list[StoredCredential]) -> Any:
    """The same for people."""
    rows = [(to_text("key", key.public_id), key.provider, _state(key), key.created_at) for key in keys]
    return table(("key", "channel", "state", "created"), rows)


def _state(key: StoredCredential) -> str:
    if key.retired_at is not None:
        return "retired"
    return "current" if key.is_current else "live"


@command.command()
@with_settings
@click.argument("name")
@click.option("--reason", default="", metavar="TEXT", help="For those who find the app stopped.")
def stop(settings: Settings, *, name: str, reason: str) -> None:
    """Stop all sending of an app, within five seconds.

    What was accepted is kept and waits; no new message is taken. Messages expire meanwhile as ever.
    """

    async def work(installation: Installation) -> tuple[App, bool]:
        app = await installation.app(name)
        return app, await stop_app(installation.db, app, actor=ACTOR, reason=reason)

    app, is_new = use(settings, work)
    said = "sends nothing any more" if is_new else "was stopped already"
    say({"id": to_text("app", app.public_id), "stopped": True}, f"{app.name} {said}. Go on: steeple app start {name}")


@command.command()
@with_settings
@click.argument("name")
def start(settings: Settings, *, name: str) -> None:
    """Let a stopped app send again, from where it stood."""

    async def work(installation: Installation) -> tuple[App, bool]:
        app = await installation.app(name)
        return app, await start_app(installation.db, app, actor=ACTOR)

    app, is_new = use(settings, work)
    said = "sends again" if is_new else "was not stopped"
    say({"id": to_text("app", app.public_id), "stopped": False}, f"{app.name} {said}.")


@command.command()
@with_settings
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(settings: Settings, *, name: str, yes: bool) -> None:
    """Take an app out of service: nothing is sent for it any more."""
    if not yes:
        if not is_watched():
            raise click.UsageError("Deleting an app cannot be undone; add --yes.")
        click.confirm(f"Nothing will be sent for {name} any more, and that cannot be undone. Go on?", abort=True)

    async def work(installation: Installation) -> App:
        app = await installation.app(name)
        await delete_app(installation.db, app, actor=ACTOR)
        return app

    app = use(settings, work)
    say({"id": to_text("app", app.public_id), "deleted": True}, f"{app.name} is deleted.")
