"""Options that several verbs share, and the settings they lead to."""

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec

from gateway.cli.client import Gateway
from gateway.config import Settings, load
from gateway.model.ids import Prefix, from_text
from gateway.model.limits import SEND_BODY_BYTES_MAX


class Id(click.ParamType[str]):
    """An id such as `msg_0123456789abc`, checked before anything is asked."""

    def __init__(self, prefix: Prefix) -> None:
        self.name = f"{prefix}_..."
        self._prefix: Prefix = prefix

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The id as it is."""
        if from_text(self._prefix, value) is None:
            self.fail(f"`{value}` is not an id such as {self._prefix}_ and 13 characters.", param, ctx)
        return value


_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with, not bound to


def with_gateway(verb: Callable[..., Any]) -> Callable[..., Any]:
    """For verbs that talk to a running gateway: adds `--gateway`, `--key`, `--app`; hands over a `Gateway` first."""

    @functools.wraps(verb)
    def connected(*args: Any, gateway_url: str | None, key: str, app_id: str | None, **kwargs: Any) -> Any:
        gateway = Gateway(gateway_url or own_url(load(os.environ)), key, app=app_id)
        return verb(gateway, *args, **kwargs)

    added = [
        click.option(
            "--gateway",
            "gateway_url",
            envvar="STEEPLE_URL",
            metavar="URL",
            help="Where the gateway is, also STEEPLE_URL; else the address in the settings.",
        ),
        click.option(
            "--key", envvar="STEEPLE_API_KEY", default="", metavar="KEY", help="API key; better in STEEPLE_API_KEY."
        ),
        click.option("--app", "app_id", metavar="APP", help="The app, where the key is the installation's."),
    ]
    return functools.reduce(lambda command, option: option(command), reversed(added), connected)


def with_settings(verb: Callable[..., Any]) -> Callable[..., Any]:
    """For verbs that work on the database: adds `--data-dir`, `--database-url`; hands over the `Settings` first."""

    @functools.wraps(verb)
    def configured(*args: Any, data_dir: str | None, database_url: str | None, **kwargs: Any) -> Any:
        return verb(settings_of(data_dir=data_dir, database_url=database_url), *args, **kwargs)

    added = [
        click.option("--data-dir", metavar="DIR", help="Where the embedded Postgres and the master key live."),
        click.option("--database-url", metavar="DSN", help="A Postgres to use instead of the embedded one."),
    ]
    return functools.reduce(lambda command, option: option(command), reversed(added), configured)


def settings_of(*, data_dir: str | None = None, **given: Any) -> Settings:
    """The settings in force: options, then environment, then file, then defaults."""
    return load(os.environ, given={"data_dir": absolute(data_dir), **given})


def json_object_in(name: str) -> dict[str, Any]:
    """The JSON object in a file, or on standard input where the name is `-`. Raises `click.BadParameter`, `OSError`."""
    raw = sys.stdin.buffer.read(SEND_BODY_BYTES_MAX) if name == "-" else Path(name).read_bytes()
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise click.BadParameter(f"{name} holds no JSON object: {fault}") from None


def object_at(fields: dict[str, Any], name: str) -> dict[str, Any]:
    """The object under this name of a file, for options to add to; empty where it is left out. Raises `UsageError`."""
    held = fields.get(name, {})
    if not isinstance(held, dict):
        raise click.UsageError(f"The file says `{name}`, and it is no JSON object.")
    return held


def absolute(folder: str | None) -> str | None:
    """The folder as seen from here, for processes that stand elsewhere."""
    return None if folder is None else str(Path(folder).expanduser().absolute())


def own_url(settings: Settings) -> str:
    """The gateway of these settings as this machine reaches it."""
    host, port = settings.bind_address
    host = _ANYWHERE.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
