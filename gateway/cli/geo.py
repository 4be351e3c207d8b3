"""`steeple geo`: the file that says where addresses are."""

import ipaddress
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from gateway.cli.answer import hint, is_watched, say, table
from gateway.cli.command import Verbs
from gateway.cli.geo_download import ATTRIBUTION, DB_IP, NotThere, Tell, fetch, months
from gateway.cli.geo_files import FileState, is_of_db_ip, states_of
from gateway.cli.options import settings_of
from gateway.geo.locator import FETCHED, Locator
from gateway.geo.place_file import Facts
from gateway.geo.registry import country_finder
from gateway.geo.zones import zone_finder
from gateway.model.errors import GatewayError

_data_dir = click.option("--data-dir", metavar="DIR", help="Where the file lies that was fetched.")


@click.group("geo", cls=Verbs)
def command() -> None:
    """Places of addresses: fetch the file of cities, ask it, see which one is in use."""


@command.command("fetch")
@_data_dir
@click.option(
    "--from", "base", envvar="STEEPLE_GEO_URL", default=DB_IP, metavar="URL", help="A mirror of DB-IP's files."
)
@click.option("--month", metavar="YYYY-MM", help="Another month's file than the newest.")
@click.option("--checksum", metavar="HEX", help="MD5, SHA-1 or SHA-256 of the packed file, as db-ip.com shows it.")
def fetch_(*, data_dir: str | None, base: str, month: str | None, checksum: str | None) -> None:
    """Fetch this month's file of cities (DB-IP City Lite) into the data directory.

    A running gateway takes it at once. Proxies are taken from the environment (https_proxy).
    """
    settings = settings_of(data_dir=data_dir)
    to = settings.data_path / FETCHED
    facts = _newest(base, [_month(month)] if month else months(datetime.now(UTC).date()), to, checksum=checksum)
    say(
        {**msgspec.structs.asdict(facts), "attribution": ATTRIBUTION},
        f"{facts.path} is of {facts.built_at:%d %B %Y} and has {facts.networks:,} networks.",
        f"{ATTRIBUTION} Pages that show places of this file have to link there.",
    )
    if settings.geo_db:
        hint(f"It is not in use: STEEPLE_GEO_DB names {settings.geo_db}.")


@command.command("lookup")
@_data_dir
@click.argument("address")
def lookup(*, data_dir: str | None, address: str) -> int:
    """Say where an ADDRESS is, as the gateway would see it. Nothing of it is kept."""
    try:
        ipaddress.ip_address(address)
    except ValueError:
        raise GatewayError("field_invalid", f"`{address}` is no IP address.", param="address") from None
    locator = Locator.of(settings_of(data_dir=data_dir))
    place = locator.of_address(address)
    locator.close()
    if place is None:
        say({"address": address, "place": None}, f"Nothing is known of {address}.")
        return 1
    say({"address": address, "place": place}, table(("what", "place"), msgspec.structs.asdict(place).items()))
    return 0


@command.command("status")
@_data_dir
def status(*, data_dir: str | None) -> int:
    """Show which files of places are in use, how old they are, and what is installed beside them."""
    settings = settings_of(data_dir=data_dir)
    states = states_of(settings, now=datetime.now(UTC))
    extras = {"countries": country_finder() is not None, "zones": zone_finder() is not None}
    say(
        {"files": [one.facts or {"path": one.path, "why": one.why} for one in states], **extras},
        table(("file", "kind", "layout", "age"), map(_row, states)),
        *[f"{name}: {'installed' if is_there else 'not installed (extra geo)'}" for name, is_there in extras.items()],
        *([ATTRIBUTION] if any(one.facts and is_of_db_ip(one.facts) for one in states) else []),
    )
    return 1 if settings.geo_db and any(one.facts is None for one in states) else 0


def _row(one: FileState) -> tuple[str, ...]:
    if one.facts is None:
        return one.path, one.why, "", ""
    return one.path, one.facts.kind, one.facts.layout, f"{one.age_days} days"


def _month(text: str) -> str:
    try:
        return f"{datetime.strptime(text, '%Y-%m').replace(tzinfo=UTC):%Y-%m}"
    except ValueError:
        raise click.BadParameter(f"`{text}` is no month such as 2026-11.", param_hint="--month") from None


def _newest(base: str, wanted: list[str], to: Path, *, checksum: str | None) -> Facts:
    """The first of the months that the server has."""
    with _bar() as tell:
        for month in wanted:
            try:
                return fetch(base, month, to, checksum=checksum, tell=tell)
            except NotThere:
                continue
    raise GatewayError("not_found", f"{base} has no file of {' or '.join(wanted)}.", kind="not_found")


@contextmanager
def _bar() -> Generator[Tell]:
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not is_watched(),
    )
    with bar:
        task = bar.add_task("fetching", total=None)
        yield lambda came, size: bar.update(task, completed=came, total=size)
