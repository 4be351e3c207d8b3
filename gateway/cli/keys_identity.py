"""`steeple keys identity`: the secret that a shop's server signs logins with."""

import click

from gateway.cli.answer import hint, say
from gateway.cli.command import Verbs
from gateway.cli.installation import ACTOR, Installation, use
from gateway.cli.options import with_settings
from gateway.config import Settings
from gateway.tenancy import secrets


@click.group(cls=Verbs)
def identity() -> None:
    """The secret behind `Steeple.login`: who has it can say who a visitor is."""


@identity.command()
@with_settings
@click.argument("app_name", metavar="APP")
def show(settings: Settings, *, app_name: str) -> None:
    """Show the app's secret, for the shop's server. The audit log says so."""

    async def work(it: Installation) -> str:
        return await secrets.reveal_identity(it.db, it.vault, await it.app(app_name), actor=ACTOR)

    text = use(settings, work)
    say({"identity_secret": text}, text)
    hint("Sign with it: hex HMAC-SHA256 over `v1`, the app's id, the user's id and the expiry, one a line.")


@identity.command()
@with_settings
@click.argument("app_name", metavar="APP")
def rotate(settings: Settings, *, app_name: str) -> None:
    """Make a successor. Logins signed with the old secret go on until it is retired."""

    async def work(it: Installation) -> int:
        return await secrets.rotate(it.db, it.vault, await it.app(app_name), "identity", actor=ACTOR)

    number = use(settings, work)
    say({"number": number}, f"Number {number} is the newest now; `steeple keys identity show` shows it.")


@identity.command()
@with_settings
@click.argument("app_name", metavar="APP")
@click.argument("number", type=int)
def retire(settings: Settings, *, app_name: str, number: int) -> None:
    """End a secret: what was signed with it is refused from now on."""

    async def work(it: Installation) -> None:
        await secrets.retire(it.db, await it.app(app_name), "identity", number, actor=ACTOR)

    use(settings, work)
    say({"retired": number}, f"Number {number} is retired.")
