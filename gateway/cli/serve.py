"""`steeple serve`: the gateway in the foreground, until SIGTERM or Ctrl-C."""

import os
from typing import Any

import click

from gateway.cli.answer import say, table
from gateway.cli.command import Verb
from gateway.cli.options import absolute
from gateway.config import Settings, sources

_ROLES = ("all", "api", "worker", "loops")


@click.command(cls=Verb)
@click.option("--bind", metavar="HOST:PORT", help="Address and port of the API.")
@click.option("--data-dir", metavar="DIR", help="Where the embedded Postgres and the master key live.")
@click.option("--database-url", metavar="DSN", help="A Postgres to use instead of the embedded one.")
@click.option("--workers", type=click.IntRange(min=0), metavar="N", help="Delivery processes; 0: one per core.")
@click.option("--public-url", metavar="URL", help="How browsers reach this gateway.")
@click.option("--log", type=click.Choice(["json", "pretty"]), help="Form of the logs.")
@click.option("--role", type=click.Choice(_ROLES), default="all", show_default=True, help="What this process does.")
@click.option("--print-config", is_flag=True, help="Show every setting and where it came from, then stop.")
def command(*, role: str, print_config: bool, data_dir: str | None, **given: Any) -> int:
    """Run the gateway."""
    settings, origins = sources(os.environ, given={"data_dir": absolute(data_dir), **given})
    if print_config:
        rows = [(source.name, source.value, source.origin) for source in origins]
        say([{"name": name, "value": value, "from": origin} for name, value, origin in rows], _shown(rows))
        return 0
    return _serve(settings, role)


def _shown(rows: list[tuple[str, str, str]]) -> Any:
    return table(("setting", "value", "from"), rows)


def _serve(settings: Settings, role: str) -> int:
    from gateway.supervisor import serve  # noqa: PLC0415 - half a second that --print-config need not wait for

    roles = ("api", "worker", "loops") if role == "all" else (role,)
    return serve(settings, roles=roles)
