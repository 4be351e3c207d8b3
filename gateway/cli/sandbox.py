"""`steeple sandbox`: fake push services on this machine, for rehearsals and tests."""

import asyncio
import signal
from pathlib import Path
from typing import Any

import click

from gateway.cli.answer import say
from gateway.cli.command import Verb
from gateway.sandbox import Sandbox, run


@click.command(cls=Verb)
@click.option("--port", type=click.IntRange(0, 65_535), default=9471, show_default=True, help="0 takes a free one.")
@click.option("--tls-port", type=click.IntRange(0, 65_535), default=9472, show_default=True)
@click.option("--mcs-port", type=click.IntRange(0, 65_535), default=9473, show_default=True, help="For Chromium.")
@click.option("--apns-port", type=click.IntRange(0, 65_535), default=9474, show_default=True, help="Apple's, for apps.")
@click.option(
    "--ledger", "ledger_path", type=click.Path(dir_okay=False, path_type=Path), help="Write down every accepted push."
)
@click.option("--decrypt", "decrypts", is_flag=True, help="Open what virtual devices get.")
@click.option("--directory", type=click.Path(file_okay=False, path_type=Path), help="Where the certificates lie.")
def command(**options: Any) -> None:
    """Run push services that are none, until Ctrl-C."""
    asyncio.run(_until_signal(**options))


async def _until_signal(**options: Any) -> None:
    until = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, until.set)
    await run(**options, ready=_introduce, until=until)


def _introduce(sandbox: Sandbox) -> None:
    lines = [f"Push services for rehearsal at {sandbox.origin}; Ctrl-C ends them. A gateway sends here with:", ""]
    lines += [f"  export {name}='{value}'" for name, value in sandbox.egress_settings().items()]
    lines += ["", "A thousand virtual devices, as the gateway imports them:", ""]
    lines += [f"  curl -s -X POST '{sandbox.origin}/sandbox/mint?n=1000'"]
    say(sandbox.describe(), "\n".join(lines))
