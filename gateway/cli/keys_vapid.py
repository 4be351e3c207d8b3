"""`steeple keys vapid`: the key pair that browsers' push services know an app by (RFC 8292)."""

import sys
from pathlib import Path
from typing import Final

import click

from gateway.cli.answer import hint, say, wants_json
from gateway.cli.command import Verbs
from gateway.cli.installation import ACTOR, Installation, use
from gateway.cli.keys_brought import app_option, retire, say_key
from gateway.cli.options import Id, with_settings
from gateway.config import Settings
from gateway.model.limits import VAPID_HEADER_CHARS_MAX
from gateway.store.credentials import StoredCredential
from gateway.tenancy import credentials

_CHANNEL: Final = "webpush"


@click.group(cls=Verbs)
def vapid() -> None:
    """VAPID keys. Several of an app may live: each subscription needs the one it was made with."""


vapid.add_command(retire)


@vapid.command()
@with_settings
@app_option
@click.option("--current", "is_current", is_flag=True, help="New subscriptions use it from now on.")
def generate(settings: Settings, *, app_name: str, is_current: bool) -> None:
    """Make a key pair."""

    async def work(it: Installation) -> StoredCredential:
        app = await it.app(app_name)
        return await credentials.generate(it.db, it.vault, app, _CHANNEL, actor=ACTOR, is_current=is_current)

    say_key(use(settings, work), "made")


@vapid.command("import")
@with_settings
@app_option
@click.argument("file", metavar="FILE")
@click.option("--current", "is_current", is_flag=True, help="New subscriptions use it from now on.")
def import_(settings: Settings, *, app_name: str, file: str, is_current: bool) -> None:
    """Bring a private key from FILE (`-`: standard input): PEM, base64url, or the JSON of web-push.

    So subscribers of another service come along: their subscriptions belong to that key.
    """
    raw = sys.stdin.read(VAPID_HEADER_CHARS_MAX) if file == "-" else Path(file).read_text(encoding="utf-8")

    async def work(it: Installation) -> StoredCredential:
        app = await it.app(app_name)
        return await credentials.load(it.db, it.vault, app, _CHANNEL, raw, actor=ACTOR, is_current=is_current)

    say_key(use(settings, work), "imported")


@vapid.command()
@with_settings
@app_option
@click.argument("key_id", metavar="KEY", type=Id("key"))
def export(settings: Settings, *, app_name: str, key_id: str) -> None:
    """Print a private key. The audit log says that it was shown."""

    async def work(it: Installation) -> bytes:
        app = await it.app(app_name)
        public_id = credentials.parse_credential_id(key_id)
        return await credentials.export(it.db, it.vault, app, public_id, actor=ACTOR)

    secret = use(settings, work).decode()
    say({"id": key_id, "private_key": secret}, secret.rstrip("\n"))
    if not wants_json():
        hint("Whoever has this key can send to the app's subscribers.")


@vapid.command()
@with_settings
@app_option
def rotate(settings: Settings, *, app_name: str) -> None:
    """Make a key for new subscriptions; the old one stays for those it has."""

    async def work(it: Installation) -> StoredCredential:
        return await credentials.rotate(it.db, it.vault, await it.app(app_name), _CHANNEL, actor=ACTOR)

    say_key(use(settings, work), "made, and new subscriptions use it")
