"""`steeple doctor`: what is wrong with this installation, and how to mend it."""

import asyncio
import os
import resource
import shutil
import urllib.error
import urllib.request
from collections.abc import AsyncGenerator, Generator
from datetime import UTC, datetime
from typing import Final, Literal

import click
import msgspec

from gateway.cli.answer import say, table
from gateway.cli.command import Verb
from gateway.cli.geo_files import remarks_on
from gateway.cli.installation import Installation, database_url
from gateway.cli.keys_check import check_keys
from gateway.cli.options import own_url, with_settings
from gateway.config import Settings
from gateway.model.errors import GatewayError
from gateway.store import apps, lanes
from gateway.store.database import Database
from gateway.store.embedded import EmbeddedPostgresError
from gateway.store.migrate import pending
from gateway.tenancy.installation import open_vault
from gateway.wire.ecdh import Choice

_FREE_BYTES_MIN: Final = 1024**3
_FILES_MIN: Final = 4096
_CLOCK_S_MAX: Final = 60
_ANSWER_S: Final = 3.0


class Finding(msgspec.Struct, frozen=True):
    """One thing looked at. `remedy` says what to do where it is not fine."""

    subject: str
    state: Literal["fine", "warning", "wrong"]
    text: str
    remedy: str = ""


@click.command(cls=Verb)
@with_settings
def command(settings: Settings) -> int:
    """Look for what is wrong with this installation, and say how to mend it."""
    findings = asyncio.run(_examine(settings))
    say(
        {"findings": findings, "is_fine": all(one.state != "wrong" for one in findings)},
        table(("", "what", "finding"), [(one.state, one.subject, one.text) for one in findings]),
        *[f"\n{one.subject}: {one.remedy}" for one in findings if one.remedy],
    )
    return 1 if any(one.state == "wrong" for one in findings) else 0


async def _examine(settings: Settings) -> list[Finding]:
    findings = [*_machine(settings), _encryption(settings), *_addresses(settings), *_places(settings)]
    if not settings.database_url and not (settings.data_path / "postgres").is_dir():
        findings.append(Finding("database", "warning", "There is none yet.", "`steeple serve` makes it."))
    else:
        findings += [finding async for finding in _database(settings)]
    return [*findings, await asyncio.to_thread(_gateway, settings)]


def _machine(settings: Settings) -> Generator[Finding]:
    folder = settings.data_path
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if os.access(there, os.W_OK):
        yield Finding("data directory", "fine", str(folder))
    else:
        yield Finding(
            "data directory",
            "wrong",
            f"{there} cannot be written to.",
            "Give it to this user, or name another with STEEPLE_DATA_DIR.",
        )
    free = shutil.disk_usage(there).free
    if free < _FREE_BYTES_MIN:
        yield Finding(
            "disk", "wrong", f"{free // 1024**2} MB are free.", "Postgres stops when the disk is full: make room."
        )
    else:
        yield Finding("disk", "fine", f"{free // 1024**3} GB are free.")
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files != resource.RLIM_INFINITY and files < _FILES_MIN:
        yield Finding(
            "open files",
            "warning",
            f"A process may open {files}.",
            f"Thousands of browsers need as many: raise it (ulimit -n {_FILES_MIN * 16}, or LimitNOFILE= in systemd).",
        )
    else:
        yield Finding("open files", "fine", "enough")


def _encryption(settings: Settings) -> Finding:
    engine = Choice()
    name = engine.use(settings.fast_ecdh)
    return Finding("encryption", "fine", f"{name} ({engine.why})" if engine.why else name)


def _addresses(settings: Settings) -> Generator[Finding]:
    if settings.url.startswith("https://"):
        yield Finding("public address", "fine", settings.url)
    else:
        yield Finding(
            "public address",
            "warning",
            f"{settings.url} is for this machine only.",
            "Browsers give push to https pages only: put a proxy with TLS in front and set STEEPLE_PUBLIC_URL.",
        )
    if settings.sandbox:
        yield Finding(
            "sandbox", "warning", "This gateway is set to rehearse.", "Unset STEEPLE_SANDBOX for real sending."
        )


def _places(settings: Settings) -> Generator[Finding]:
    for one in remarks_on(settings, now=datetime.now(UTC)):
        yield Finding("places", one.state, one.text, one.remedy)


async def _database(settings: Settings) -> AsyncGenerator[Finding]:
    try:
        async with database_url(settings) as (dsn, _):
            db = await Database.open(dsn, size_max=2, name="steeple doctor")
            try:
                yield Finding("database", "fine", "It answers.")
                async for finding in _contents(settings, db, dsn):
                    yield finding
            finally:
                await db.close()
    except (GatewayError, EmbeddedPostgresError) as fault:
        remedy = (
            "Check STEEPLE_DATABASE_URL." if settings.database_url else f"See {settings.data_path / 'postgres.log'}."
        )
        yield Finding("database", "wrong", str(fault), remedy)


async def _contents(settings: Settings, db: Database, dsn: str) -> AsyncGenerator[Finding]:
    missing = await pending(dsn)
    if missing:
        yield Finding("schema", "wrong", f"{missing[0].name} is missing.", "Run `steeple migrate`.")
        return
    yield Finding("schema", "fine", "up to date")
    try:
        vault = await open_vault(settings, db)
    except GatewayError as fault:
        yield Finding("master key", "wrong", fault.message, "Restore it; without it no push can be signed.")
        return
    yield Finding("master key", "fine", f"fingerprint {vault.fingerprint}")
    installation = Installation(settings, db, vault)
    yield await _apps(installation)
    for bad in [key for key in await check_keys(installation) if key.problem]:
        yield Finding(
            f"key {bad.id}",
            "wrong",
            bad.problem,
            f"Make or bring another {bad.channel} key: `steeple keys --help`.",
        )
    at, standing = await lanes.standing(db)
    yield _clock(at)
    yield _lanes([lane for lane in standing if lane.until > at])


def _clock(database_at: datetime) -> Finding:
    apart_s = abs((datetime.now(UTC) - database_at).total_seconds())
    if apart_s > _CLOCK_S_MAX:
        return Finding(
            "clock",
            "wrong",
            f"This machine and the database are {apart_s:.0f} s apart.",
            "Set both by NTP: push services refuse signatures of another time.",
        )
    return Finding("clock", "fine", "as the database's")


async def _apps(it: Installation) -> Finding:
    if await apps.list_page(it.db, 0, 1):
        return Finding("apps", "fine", "there are some")
    return Finding("apps", "warning", "There are none.", "`steeple app create shop --origin https://shop.example`")


def _lanes(stopped: list[lanes.LaneRow]) -> Finding:
    if not stopped:
        return Finding("push services", "fine", "none is paused")
    words = ", ".join(f"{lane.origin or 'all'} ({lane.reason})" for lane in stopped[:3])
    return Finding(
        "push services",
        "warning",
        f"{len(stopped)} paused: {words}.",
        "Sending goes on by itself when they answer; a refused key needs `steeple keys check`.",
    )


def _gateway(settings: Settings) -> Finding:
    url = own_url(settings)
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=_ANSWER_S):  # noqa: S310 - http, our own address
            return Finding("gateway", "fine", f"{url} is ready.")
    except urllib.error.HTTPError as fault:
        with fault:
            said = fault.read(1000).decode(errors="replace")
        return Finding("gateway", "wrong", f"{url} says it is not ready: {said}", "Wait a moment; then see its log.")
    except (OSError, ValueError):
        return Finding("gateway", "warning", f"Nobody answers at {url}.", "Start it: `steeple serve`.")
