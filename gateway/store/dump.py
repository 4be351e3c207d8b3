"""The whole database as one file, and back: pg_dump and pg_restore, of the server's own version where there is one.

A dump is a consistent picture taken while everything goes on. It holds endpoints and sealed secrets, so the file is
readable by its owner alone; the master key that opens the secrets is not in it.
Source: the PostgreSQL documentation of pg_dump (custom format) and pg_restore.
"""

import asyncio
import os
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import parse_qs, unquote, urlsplit

from gateway.model.errors import GatewayError
from gateway.store.database import Database
from gateway.store.embedded.binaries import find_binaries

_SYSTEM_PROGRAMS: Final = "/usr/lib/postgresql/{major}/bin"
"""Where Debian and Ubuntu keep each version's programs."""
_SAID_BYTES_MAX: Final = 2000
_TLS_SETTINGS: Final = ("sslmode", "sslrootcert", "sslcert", "sslkey")


async def dump(dsn: str, to: Path) -> int:
    """Writes the database into `to`, which is there whole or not at all; its size in bytes.

    Raises `GatewayError` with pg_dump's own words, and `FileExistsError`.
    """
    if to.exists():  # noqa: ASYNC240 - a command line waits for nothing else
        raise FileExistsError(17, "there is such a file already", str(to))
    part = to.with_name(f".{to.name}.part")
    try:
        with _private(part) as file:
            await _run("pg_dump", dsn, "--format=custom", "--no-owner", "--no-privileges", stdout=file.fileno())
            os.fsync(file.fileno())
        part.rename(to)
    finally:
        part.unlink(missing_ok=True)
    return to.stat().st_size  # noqa: ASYNC240 - as above


def _private(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


async def restore(dsn: str, source: Path) -> None:
    """Fills an empty database from a dump, in one transaction. Raises `GatewayError`; then nothing was changed."""
    await _check_empty(dsn)
    await _run("pg_restore", dsn, "--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction", source)


async def _check_empty(dsn: str) -> None:
    db = await Database.open(dsn, size_max=1, name="steeple restore")
    try:
        tables = await db.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()")
    finally:
        await db.close()
    if tables:
        raise GatewayError(
            "state_conflict",
            "The database is not empty. A backup goes into a new one: name another data directory or database.",
            kind="conflict",
        )


async def _program(name: str, dsn: str) -> Path:
    """The program of the server's own version where the system has it, else ours.

    An older server does not understand what a newer pg_dump writes; ours is the embedded server's.
    """
    db = await Database.open(dsn, size_max=1, name="steeple version")
    try:
        major = int(await db.fetchval("SELECT current_setting('server_version_num')::int")) // 10_000
    finally:
        await db.close()
    of_system = Path(_SYSTEM_PROGRAMS.format(major=major)) / name
    return of_system if of_system.is_file() else find_binaries(None) / name


async def _run(program: str, dsn: str, *arguments: str | Path, stdout: int | None = None) -> None:
    """Runs one of Postgres' programs on a database. The password travels by environment, never by argument."""
    path = await _program(program, dsn)
    database = unquote(urlsplit(dsn).path.lstrip("/")) or "postgres"
    last = ["--dbname", database] if program == "pg_restore" else [database]
    process = await asyncio.create_subprocess_exec(
        path,
        *arguments,
        *last,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=stdout if stdout is not None else asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **_environment(dsn)},
    )
    _, said = await process.communicate()
    if process.returncode:
        words = said[-_SAID_BYTES_MAX:].decode("utf-8", "replace").strip()
        raise GatewayError("store_unavailable", f"{program} failed: {words}", kind="unavailable")


def _environment(dsn: str) -> dict[str, str]:
    """A libpq URL as libpq's variables."""
    parts = urlsplit(dsn)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    found = {
        "PGHOST": options.get("host") or unquote(parts.hostname or ""),
        "PGPORT": options.get("port") or str(parts.port or ""),
        "PGUSER": options.get("user") or unquote(parts.username or ""),
        "PGPASSWORD": options.get("password") or unquote(parts.password or ""),
        **{f"PG{name.upper()}": options[name] for name in _TLS_SETTINGS if name in options},
    }
    return {name: value for name, value in found.items() if value}
