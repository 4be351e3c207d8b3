"""Brings the schema up to date: plain SQL files, each applied once, in the order of their numbers.

A file is named `NNNN_pre_what.sql` (safe beside the running old version) or `NNNN_post_what.sql` (once the old version
is gone). It runs in one transaction together with its row in `schema_migrations`, unless its head holds the line
`-- no-transaction`: then it runs statement by statement (CREATE INDEX CONCURRENTLY), and each statement must bear
being run again, because a crash in the middle starts the file anew.
"""

import asyncio
import hashlib
import itertools
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Literal, TypeAlias

import asyncpg
import msgspec
import structlog

from gateway.model.errors import GatewayError, StoreUnavailable
from gateway.model.limits import (
    MIGRATION_FILE_BYTES_MAX,
    MIGRATION_LOCK_ATTEMPTS_MAX,
    MIGRATION_LOCK_PAUSE_S,
    MIGRATION_LOCK_TIMEOUT_S,
    MIGRATION_STATEMENT_TIMEOUT_S,
    MIGRATION_TURN_S,
)
from gateway.store.database import Database, Record
from gateway.store.faults import raise_if_unavailable

Phase: TypeAlias = Literal["pre", "post"]
_Raw: TypeAlias = "asyncpg.Connection[Record]"

_ADVISORY_KEY: Final = int.from_bytes(b"steeple")
_POLL_S: Final = 0.25
_HEAD_LINES: Final = 30
_NAME: Final = re.compile(r"(?P<number>\d{4})_(?P<phase>pre|post)_[a-z0-9_]+\.sql")
_PIECES: Final = re.compile(
    r"""--[^\n]*                                # a comment to the end of the line
      | /\*.*?\*/                               # a comment in the text (we do not nest them)
      | [eE]'(?:[^'\\]|\\.|'')*'                # a string with escapes
      | '(?:[^']|'')*' | "(?:[^"]|"")*"         # a string, a quoted name
      | (?P<tag>\$(?:[A-Za-z_]\w*)?\$).*?(?P=tag)   # the body of a function
      | ;
    """,
    re.VERBOSE | re.DOTALL,
)
_log: Final = structlog.get_logger()


class Migration(msgspec.Struct, frozen=True, kw_only=True):
    """One file of the folder `migrations`; `checksum` is the SHA-256 of its text, in hex."""

    number: int
    phase: Phase
    name: str
    checksum: str
    sql: str

    @property
    def in_transaction(self) -> bool:
        """Whether the file runs in one transaction."""
        head = self.sql.splitlines()[:_HEAD_LINES]
        return not any(line.strip().lower() == "-- no-transaction" for line in head)


class MigrationRefused(GatewayError):
    """The folder and the database do not fit together; nothing was changed by the file named."""

    def __init__(self, message: str) -> None:
        super().__init__("setting_invalid", message)


async def migrate(
    where: Database | str,
    *,
    folder: Path | None = None,
    dry_run: bool = False,
    phases: Sequence[Phase] = ("pre", "post"),
    lock_attempts: int = MIGRATION_LOCK_ATTEMPTS_MAX,
) -> list[Migration]:
    """Applies what is missing and returns it; with `dry_run` only returns it. `where`: a database or its URL.

    One process at a time does this; others wait for their turn and then find nothing to do. Raises `MigrationRefused`
    for an applied file that was changed since, and for a table lock not got within `lock_attempts` tries.
    """
    if dry_run:
        return await pending(where, folder=folder, phases=phases)
    files = read_migrations(folder or migrations_folder())
    async with _alone(where) as raw:
        await _take_turn(raw)
        await raw.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations (number int PRIMARY KEY, name text NOT NULL,"
            " checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        todo = _missing(files, await _applied(raw), phases)
        for migration in todo:
            await _apply(raw, migration, lock_attempts)
            _log.info("migration_applied", name=migration.name)
        return todo


async def pending(
    where: Database | str, *, folder: Path | None = None, phases: Sequence[Phase] = ("pre", "post")
) -> list[Migration]:
    """What `migrate` would apply. Readiness asks for "pre" alone: "post" may wait for the old version to go."""
    files = read_migrations(folder or migrations_folder())
    if isinstance(where, Database):
        return _missing(files, await _applied(where), phases)
    async with _alone(where) as raw:
        return _missing(files, await _applied(raw), phases)


def migrations_folder() -> Path:
    """The folder of the installed package, or in a checkout the one beside `gateway`."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "_migrations"
    return installed if installed.is_dir() else package.parent / "migrations"


def read_migrations(folder: Path) -> list[Migration]:
    """Every migration of the folder by number; raises `MigrationRefused` for a name or a number that does not fit."""
    if not folder.is_dir():
        raise MigrationRefused(f"There is no folder {folder} with migrations; the installation is incomplete.")
    migrations = sorted((_read(path) for path in folder.glob("*.sql")), key=lambda migration: migration.number)
    for earlier, later in itertools.pairwise(migrations):
        if earlier.number == later.number:
            raise MigrationRefused(f"{earlier.name} and {later.name} have the same number; give one of them the next.")
    return migrations


def _read(path: Path) -> Migration:
    match = _NAME.fullmatch(path.name)
    if match is None:
        raise MigrationRefused(f"{path.name} is not named NNNN_pre_what.sql or NNNN_post_what.sql.")
    if path.stat().st_size > MIGRATION_FILE_BYTES_MAX:
        raise MigrationRefused(f"{path.name} is larger than {MIGRATION_FILE_BYTES_MAX} bytes.")
    # Newlines are made alike first: a checkout on Windows is no changed migration.
    sql = path.read_bytes().decode("utf-8").replace("\r\n", "\n")
    return Migration(
        number=int(match["number"]),
        phase="pre" if match["phase"] == "pre" else "post",
        name=path.name,
        checksum=hashlib.sha256(sql.encode()).hexdigest(),
        sql=sql,
    )


def _missing(
    files: list[Migration], applied: Mapping[int, tuple[str, str]], phases: Sequence[Phase]
) -> list[Migration]:
    """The files not yet applied. A database newer than the code is fine: that is a rolling upgrade seen from behind."""
    for migration in files:
        name, checksum = applied.get(migration.number, (migration.name, migration.checksum))
        if checksum != migration.checksum:
            raise MigrationRefused(
                f"{migration.name} differs from what was applied to this database as {name}. Put the file back as it "
                "was and make the change in a new migration."
            )
    unknown = sorted(set(applied) - {migration.number for migration in files})
    if unknown:
        _log.info("schema_newer_than_code", migrations=[applied[number][0] for number in unknown])
    return [migration for migration in files if migration.number not in applied and migration.phase in phases]


@asynccontextmanager
async def _alone(where: Database | str) -> AsyncGenerator[_Raw]:
    """A connection of our own: its session lock and its settings must not go back into a pool."""
    dsn = where.dsn if isinstance(where, Database) else where
    try:
        raw = await asyncpg.connect(dsn, server_settings={"application_name": "steeple migrate"})
    except Exception as fault:
        raise_if_unavailable(fault, lost=False)
        raise
    try:
        yield raw
    finally:
        await raw.close(timeout=_POLL_S)


async def _applied(where: "Database | _Raw") -> dict[int, tuple[str, str]]:
    if await where.fetchval("SELECT to_regclass('schema_migrations')") is None:
        return {}
    rows = await where.fetch("SELECT number, name, checksum FROM schema_migrations")
    return {row["number"]: (row["name"], row["checksum"]) for row in rows}


async def _take_turn(raw: _Raw) -> None:
    # Asked for again and again rather than waited for: CREATE INDEX CONCURRENTLY waits for every transaction that is
    # under way, and a statement waiting for the lock would be one.
    for _ in range(round(MIGRATION_TURN_S / _POLL_S)):
        if await raw.fetchval("SELECT pg_try_advisory_lock($1)", _ADVISORY_KEY):
            return
        await asyncio.sleep(_POLL_S)
    raise StoreUnavailable("Another process has been migrating this database for too long; look at what it waits for.")


async def _apply(raw: _Raw, migration: Migration, lock_attempts: int) -> None:
    await raw.execute(
        "SELECT set_config('lock_timeout', $1, false), set_config('statement_timeout', $2, false)",
        f"{MIGRATION_LOCK_TIMEOUT_S}s",
        f"{MIGRATION_STATEMENT_TIMEOUT_S}s",
    )
    if migration.in_transaction:
        await _patiently(lambda: _apply_whole(raw, migration), migration, lock_attempts)
        return
    for statement in statements(migration.sql):
        await _patiently(lambda sql=statement: raw.execute(sql), migration, lock_attempts)
    await _record(raw, migration)


async def _apply_whole(raw: _Raw, migration: Migration) -> None:
    async with raw.transaction():
        await raw.execute(migration.sql)
        await _record(raw, migration)


async def _record(raw: _Raw, migration: Migration) -> None:
    await raw.execute(
        "INSERT INTO schema_migrations (number, name, checksum) VALUES ($1, $2, $3)",
        migration.number,
        migration.name,
        migration.checksum,
    )


async def _patiently(run: Callable[[], Awaitable[object]], migration: Migration, lock_attempts: int) -> None:
    for attempt in range(1, lock_attempts + 1):
        try:
            await run()
        except asyncpg.LockNotAvailableError:
            _log.warning("migration_waits_for_lock", name=migration.name, attempt=attempt)
            await asyncio.sleep(MIGRATION_LOCK_PAUSE_S)
        else:
            return
    raise MigrationRefused(
        f"{migration.name} did not get its table lock in {lock_attempts} tries; end the long transaction that holds it "
        "(see pg_stat_activity) and run `steeple migrate` again."
    )


def statements(sql: str) -> list[str]:
    """The statements of a file one by one, without their semicolons; strings, comments and bodies are left whole."""
    cuts = [0, *(match.end() for match in _PIECES.finditer(sql) if match[0] == ";"), len(sql)]
    parts = (sql[start:end].strip() for start, end in itertools.pairwise(cuts))
    return [part.removesuffix(";") for part in parts if _says_something(part)]


def _says_something(part: str) -> bool:
    return _PIECES.sub(lambda match: "" if match[0][:2] in {"--", "/*"} else match[0], part).strip() not in {"", ";"}
