"""`steeple keys apns`: what Apple admits a sender by. A team's key (`.p8`), or the certificate of one app."""

import base64
import re
import sys
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from gateway.cli.command import Verbs
from gateway.cli.keys_brought import app_option, bring, current_option, retire, say_added
from gateway.cli.options import with_settings
from gateway.config import Settings
from gateway.model.errors import GatewayError
from gateway.model.limits import KEY_FILE_BYTES_MAX
from gateway.tenancy.credentials import provider_named

_CHANNEL: Final = "apns"
_OWN_NAME: Final = re.compile(r"AuthKey_([A-Z0-9]{10})\.p8")
"""As Apple calls the file."""


@click.group(cls=Verbs)
def apns() -> None:
    """Keys and certificates for apps on Apple's devices."""


apns.add_command(retire)


@apns.command()
@with_settings
@app_option
@click.option("--p8", metavar="FILE", help="The team's key as Apple hands it out.")
@click.option("--key-id", metavar="ID", help="Ten characters, beside the key at Apple; else from the file's name.")
@click.option("--team-id", metavar="ID", help="Ten characters, at Apple under Membership details.")
@click.option("--bundle-id", "bundle_ids", multiple=True, metavar="ID", help="An app of the team's. Repeatable.")
@click.option(
    "--environment",
    "environments",
    multiple=True,
    type=click.Choice(["production", "sandbox"]),
    help="Where Apple made the key for one only. Repeatable; both if none.",
)
@click.option("--certificate", metavar="FILE", help="Instead of a key: a .p12 file, or PEM with certificate and key.")
@click.option(
    "--password-file", metavar="FILE", help="Holds the certificate's password (`-`: standard input); else it is asked."
)
@current_option
def add(
    settings: Settings,
    *,
    app_name: str,
    p8: str | None,
    key_id: str | None,
    team_id: str | None,
    bundle_ids: tuple[str, ...],
    environments: tuple[str, ...],
    certificate: str | None,
    password_file: str | None,
    is_current: bool,
) -> None:
    """Bring a key (--p8, --team-id, --bundle-id) or a certificate (--certificate)."""
    of_a_key = (key_id, team_id, *bundle_ids, *environments)
    if (p8 is None) == (certificate is None):
        raise click.UsageError("Give --p8 FILE or --certificate FILE.")
    if certificate is not None and any(of_a_key):
        raise click.UsageError("A certificate names its app and environments itself: leave those options out.")
    if p8 is not None:
        if team_id is None or not bundle_ids:
            raise click.UsageError("A key needs --team-id and at least one --bundle-id.")
        raw = _key_text(p8, key_id, team_id, bundle_ids, environments)
    else:
        assert certificate is not None
        raw = _certificate_text(_bytes_in(certificate), _password_in(password_file))
    say_added(bring(settings, app_name, _CHANNEL, raw, is_current=is_current), app_name)


def _key_text(
    file: str, key_id: str | None, team_id: str, bundle_ids: tuple[str, ...], environments: tuple[str, ...]
) -> str:
    named = _OWN_NAME.fullmatch(Path(file).name)
    if key_id is None and named is None:
        raise click.UsageError("The file's name does not say the key's id: give --key-id.")
    form: dict[str, Any] = {
        "p8": _bytes_in(file).decode("utf-8", "replace"),
        "key_id": key_id or (named and named[1]),
        "team_id": team_id,
        "bundle_ids": bundle_ids,
    }
    return _json({**form, "environments": environments} if environments else form)


def _certificate_text(data: bytes, password: str | None) -> str:
    """The form that the provider takes; a person at a terminal is asked for a password once it proves to be needed."""
    form = _certificate_form(data, password)
    if password is None and sys.stdin.isatty():
        try:
            provider_named(_CHANNEL).load(_json(form), "")
        except GatewayError:
            form = _certificate_form(data, click.prompt("Password of the certificate", hide_input=True, err=True))
    return _json(form)


def _certificate_form(data: bytes, password: str | None) -> dict[str, Any]:
    is_pem = b"-----BEGIN" in data
    form = {"certificate": data.decode("utf-8", "replace")} if is_pem else {"pkcs12": base64.b64encode(data).decode()}
    return form if password is None else {**form, "password": password}


def _password_in(file: str | None) -> str | None:
    if file is None:
        return None
    text = sys.stdin.read(KEY_FILE_BYTES_MAX) if file == "-" else _bytes_in(file).decode("utf-8", "replace")
    return text.rstrip("\r\n")


def _bytes_in(file: str) -> bytes:
    with Path(file).open("rb") as opened:
        return opened.read(KEY_FILE_BYTES_MAX)


def _json(form: dict[str, Any]) -> str:
    return msgspec.json.encode(form).decode()
