"""`steeple demo`: gateway, rehearsal push services and a shop page on this machine, with one command."""

import asyncio
import os
import shlex
import shutil
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from gateway.cli.answer import say
from gateway.cli.command import Verb
from gateway.cli.demo_stage import Stage, StageSettings, Urls, is_free
from gateway.cli.options import absolute
from gateway.config import default_data_dir
from gateway.model.limits import DEMO_DEVICES_MAX, DEMO_DEVICES_MIN
from gateway.store.embedded.data_dir import prepare_data_dir

_PORT: Final = 8080
_SHOP_PORT: Final = 8081


@click.command(cls=Verb)
@click.option("--data-dir", metavar="DIR", help="Where the demo keeps its database.")
@click.option("--port", type=click.IntRange(0, 65_535), help=f"Of the gateway; {_PORT} or a free one.")
@click.option("--shop-port", type=click.IntRange(0, 65_535), help=f"Of the shop; {_SHOP_PORT} or a free one.")
@click.option(
    "--devices",
    type=click.IntRange(DEMO_DEVICES_MIN, DEMO_DEVICES_MAX),
    default=200,
    show_default=True,
    help="Two of them are phones.",
)
def command(*, data_dir: str | None, port: int | None, shop_port: int | None, devices: int) -> int:
    """Show everything on this machine: a gateway, push services, and a shop that uses them. Ctrl-C ends it."""
    folder = Path(absolute(data_dir) or default_data_dir() / "demo")
    settings = StageSettings(
        data_dir=folder,
        port=_port(port, _PORT, "--port"),
        shop_port=_port(shop_port, _SHOP_PORT, "--shop-port"),
        devices=devices,
    )
    log = prepare_data_dir(folder) / "demo.log"
    click.echo(f"Starting; the log is {log} ...", err=True)
    with _standard_error_to(log):
        return asyncio.run(Stage(settings).play(ready=_introduce))


def _port(asked: int | None, usual: int, option: str) -> int:
    if asked is None:
        return usual if is_free(usual) else 0
    if asked and not is_free(asked):
        raise click.BadParameter(f"port {asked} is in use; leave it out to get a free one", param_hint=option)
    return asked


@contextmanager
def _standard_error_to(log: Path) -> Generator[None]:
    """The gateway's processes write their logs there; people read the shop's address."""
    sys.stderr.flush()
    before = os.dup(2)
    with log.open("ab") as sink:
        os.fchmod(sink.fileno(), 0o600)  # the first start writes the admin key
        os.dup2(sink.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(before, 2)
        os.close(before)


def _introduce(urls: Urls) -> None:
    send = f"{_steeple()} send --all --title 'Belfry blend: 3 for 2' --body 'Until the bell strikes six.'"
    message = '{"audience": {"all": true}, "title": "Belfry blend: 3 for 2"}'
    lines = [
        "",
        f"  The shop       {urls.shop}   <- open this one",
        f"  API reference  {urls.gateway}/docs",
        f"  API key        {urls.api_key}",
        "",
        f"  {urls.devices:,} devices follow the shop. Send to them from another terminal:",
        "",
        f"  STEEPLE_URL={urls.gateway} STEEPLE_API_KEY={urls.api_key} \\",
        f"    {send}",
        "",
        "  or",
        "",
        f"  curl {urls.gateway}/v1/messages -H 'Authorization: Bearer {urls.api_key}' \\",
        f"    -H 'Content-Type: application/json' -d '{message}'",
        "",
        "  Ctrl-C stops everything.",
        "",
    ]
    say(urls, "\n".join(lines))
    sys.stdout.flush()


def _steeple() -> str:
    """How to call this program from another terminal."""
    beside = Path(sys.executable).with_name("steeple")
    if shutil.which("steeple"):
        return "steeple"
    return shlex.quote(str(beside)) if beside.exists() else f"{shlex.quote(sys.executable)} -m gateway"
