"""Migrations: each file once, in order, by one process at a time, and never over a change of mind."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
import structlog.testing

from gateway.store.database import Database
from gateway.store.migrate import MigrationRefused, migrate, migrations_folder, pending, read_migrations, statements

FIRST = "CREATE TABLE first (n int);\nINSERT INTO first VALUES (1);\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one migration; tests add theirs."""
    (tmp_path / "0001_pre_first.sql").write_text(FIRST)
    return tmp_path


@pytest_asyncio.fixture(loop_scope="session")
async def raw(empty_dsn: str) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    """A look at the database from outside."""
    connection = await asyncpg.connect(empty_dsn)
    yield connection
    await connection.close()


async def test_each_file_is_applied_once_and_in_order(
    folder: Path, empty_dsn: str, raw: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """A second run finds nothing to do."""
    (folder / "0002_post_second.sql").write_text("ALTER TABLE first RENAME TO second;")
    (folder / "0010_pre_tenth.sql").write_text("ALTER TABLE second RENAME TO tenth;")
    applied = await migrate(empty_dsn, folder=folder)
    assert [migration.number for migration in applied] == [1, 2, 10]
    assert await migrate(empty_dsn, folder=folder) == []
    assert await raw.fetchval("SELECT count(*) FROM tenth") == 1
    assert await raw.fetchval("SELECT count(*) FROM schema_migrations WHERE applied_at <= now()") == 3


async def test_the_product_s_own_migrations_are_found_and_apply(database: Database) -> None:
    """What the installation brings is what the tests run on."""
    assert read_migrations(migrations_folder())
    assert await pending(database) == []


async def test_a_dry_run_tells_and_changes_nothing(
    folder: Path, empty_dsn: str, raw: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """Not even the table of migrations appears."""
    assert [migration.name for migration in await migrate(empty_dsn, folder=folder, dry_run=True)] == [
        "0001_pre_first.sql"
    ]
    assert await raw.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0


async def test_phases_are_applied_apart(folder: Path, empty_dsn: str) -> None:
    """What needs the old version to be gone waits, also behind later files that do not."""
    (folder / "0002_post_drop.sql").write_text("DROP TABLE first;")
    (folder / "0003_pre_more.sql").write_text("CREATE TABLE more (n int);")
    pool = await Database.open(empty_dsn)
    assert [m.number for m in await migrate(pool, folder=folder, phases=("pre",))] == [1, 3]
    assert [m.number for m in await pending(pool, folder=folder)] == [2]
    assert await pending(pool, folder=folder, phases=("pre",)) == []
    assert [m.number for m in await migrate(pool, folder=folder)] == [2]
    await pool.close()


async def test_a_changed_file_is_refused(folder: Path, empty_dsn: str) -> None:
    """What ran somewhere must not be something else elsewhere; a Windows checkout changes nothing."""
    await migrate(empty_dsn, folder=folder)
    (folder / "0001_pre_first.sql").write_bytes(FIRST.replace("\n", "\r\n").encode())
    assert await migrate(empty_dsn, folder=folder) == []
    (folder / "0001_pre_first.sql").write_text(FIRST.replace("(1)", "(2)"))
    with pytest.raises(MigrationRefused, match=r"0001_pre_first\.sql differs.*new migration"):
        await migrate(empty_dsn, folder=folder)
    with pytest.raises(MigrationRefused):
        await pending(empty_dsn, folder=folder)


async def test_a_file_that_fails_leaves_no_trace(
    folder: Path, empty_dsn: str, raw: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """Its transaction is undone, what came before it stays."""
    (folder / "0002_pre_bad.sql").write_text("CREATE TABLE half (n int); SELECT 1 / 0;")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(empty_dsn, folder=folder)
    assert await raw.fetchval("SELECT to_regclass('half')") is None
    assert [row["number"] for row in await raw.fetch("SELECT number FROM schema_migrations")] == [1]


async def test_a_file_and_the_note_of_it_go_together(
    folder: Path, empty_dsn: str, raw: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """A crash between the two would apply the file a second time."""
    (folder / "0002_pre_odd.sql").write_text("CREATE TABLE odd (n int); ALTER TABLE schema_migrations RENAME TO gone;")
    with pytest.raises(asyncpg.UndefinedTableError):
        await migrate(empty_dsn, folder=folder)
    assert await raw.fetchval("SELECT to_regclass('odd')") is None


async def test_a_newer_database_is_accepted(folder: Path, empty_dsn: str) -> None:
    """In a rolling upgrade the old version meets the new schema; it notes that and goes on."""
    (folder / "0002_pre_newer.sql").write_text("CREATE TABLE newer (n int);")
    await migrate(empty_dsn, folder=folder)
    (folder / "0002_pre_newer.sql").unlink()
    with structlog.testing.capture_logs() as logs:
        assert await pending(empty_dsn, folder=folder) == []
    assert {"event": "schema_newer_than_code", "migrations": ["0002_pre_newer.sql"], "log_level": "info"} in logs


async def test_many_processes_at_once_apply_each_file_once(
    folder: Path, empty_dsn: str, raw: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """Ten gateways start together after an upgrade."""
    (folder / "0002_pre_slow.sql").write_text("SELECT pg_sleep(0.3); CREATE TABLE slow (n int);")
    runs = await asyncio.gather(*(migrate(empty_dsn, folder=folder) for _ in range(5)))
    assert sorted(len(run) for run in runs) == [0, 0, 0, 0, 2]
    assert await raw.fetchval("SELECT count(*) FROM first") == 1


async def test_an_index_is_built_beside_the_running_gateway(
    folder: Path, empty_dsn: str, raw: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """CREATE INDEX CONCURRENTLY works, even while another process waits for its turn."""
    (folder / "0002_pre_index.sql").write_text(
        "-- Finds the first; takes minutes.\n-- no-transaction\nSET statement_timeout = 0;\n"
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS first_n ON first (n); -- a word; and another\n"
    )
    (folder / "0003_pre_timeout.sql").write_text(
        "CREATE TABLE seen AS SELECT current_setting('statement_timeout') AS timeout;"
    )
    runs = await asyncio.gather(*(migrate(empty_dsn, folder=folder) for _ in range(3)))
    assert sorted(len(run) for run in runs) == [0, 0, 3]
    assert await raw.fetchval("SELECT count(*) FROM pg_indexes WHERE indexname = 'first_n'") == 1
    assert await raw.fetchval("SELECT timeout FROM seen") == "5s", "a file's own time limit ends with it"


async def test_a_busy_table_is_asked_for_again(
    folder: Path, empty_dsn: str, raw: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """A long transaction of a shop's report does not fail the upgrade, and is not queued behind for long."""
    await migrate(empty_dsn, folder=folder)
    (folder / "0002_pre_column.sql").write_text("SET LOCAL lock_timeout = '100ms';\nALTER TABLE first ADD m int;")
    transaction = raw.transaction()
    await transaction.start()
    await raw.execute("LOCK TABLE first")
    run = asyncio.create_task(migrate(empty_dsn, folder=folder))
    await asyncio.sleep(0.5)
    assert not run.done()
    await transaction.rollback()
    assert [migration.number for migration in await run] == [2]


async def test_a_table_that_stays_busy_is_told_with_the_way_out(
    folder: Path, empty_dsn: str, raw: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """After the last try the operator hears which file and where to look."""
    await migrate(empty_dsn, folder=folder)
    (folder / "0002_pre_column.sql").write_text("SET LOCAL lock_timeout = '50ms';\nALTER TABLE first ADD m int;")
    async with raw.transaction():
        await raw.execute("LOCK TABLE first")
        with pytest.raises(MigrationRefused, match=r"0002_pre_column\.sql.*pg_stat_activity"):
            await migrate(empty_dsn, folder=folder, lock_attempts=2)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("0002_second.sql", "is not named"),
        ("2_pre_second.sql", "is not named"),
        ("0001_post_other.sql", "same number"),
    ],
)
async def test_a_folder_out_of_order_is_refused(folder: Path, empty_dsn: str, name: str, said: str) -> None:
    """A slip in a name is found before anything runs."""
    (folder / name).write_text("SELECT 1;")
    with pytest.raises(MigrationRefused, match=said):
        await migrate(empty_dsn, folder=folder)


def test_an_incomplete_installation_is_refused(tmp_path: Path) -> None:
    """No folder is not the same as no migrations."""
    with pytest.raises(MigrationRefused, match="incomplete"):
        read_migrations(tmp_path / "absent")


def test_statements_are_told_apart() -> None:
    """A semicolon inside of a string, a name, a comment or a function's body ends nothing."""
    sql = """
        -- first; really
        INSERT INTO t VALUES ('a;b''c', E'd\\';e', "f;g"); /* h;
        i */
        CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $body$ SELECT 1; $body$;
        DO $$ BEGIN PERFORM 1; END $$;
        ; -- nothing
        SELECT 2
    """
    parts = statements(sql)
    assert [part.split("\n")[-1].strip()[:12] for part in parts] == [
        "INSERT INTO ",
        "CREATE FUNCT",
        "DO $$ BEGIN ",
        "SELECT 2",
    ]
    assert parts[1].endswith("$body$")
