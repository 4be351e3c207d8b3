"""`steeple keys fcm`: the service account of a Firebase project, for Android apps and what else Firebase reaches."""

import sys
from pathlib import Path
from typing import Final

import click

from gateway.cli.command import Verbs
from gateway.cli.keys_brought import app_option, bring, current_option, retire, say_added
from gateway.cli.options import with_settings
from gateway.config import Settings
from gateway.model.limits import KEY_FILE_BYTES_MAX

_CHANNEL: Final = "fcm"


@click.group(cls=Verbs)
def fcm() -> None:
    """Service accounts for apps that use Firebase."""


fcm.add_command(retire)


@fcm.command()
@with_settings
@app_option
@click.argument("file", metavar="FILE")
@current_option
def add(settings: Settings, *, app_name: str, file: str, is_current: bool) -> None:
    """Bring a service account from FILE (`-`: standard input), as the Firebase console hands it out."""
    if file == "-":
        raw = sys.stdin.read(KEY_FILE_BYTES_MAX)
    else:
        with Path(file).open(encoding="utf-8", errors="replace") as opened:
            raw = opened.read(KEY_FILE_BYTES_MAX)
    say_added(bring(settings, app_name, _CHANNEL, raw, is_current=is_current), app_name)
