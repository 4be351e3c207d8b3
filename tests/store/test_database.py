"""The pool: codecs, transactions, time limits, and what becomes of faults."""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest
import pytest_asyncio

from gateway.model.errors import StoreUnavailable
from gateway.store.database import Database, Queryable
from gateway.store.embedded import EmbeddedPostgres

KILL_MY_NEIGHBOURS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@pytest_asyncio.fixture(loop_scope="session")
async def db(empty_dsn: str) -> AsyncIterator[Database]:
    """A pool on a database with one table, `t(n int)`."""
    pool = await Database.open(empty_dsn, size_max=2, name="pool-test")
    await pool.execute("CREATE TABLE t (n int NOT NULL)")
    yield pool
    await pool.close()


@pytest_asyncio.fixture(loop_scope="session")
async def other(empty_dsn: str) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    """Another session on the same database."""
    raw = await asyncpg.connect(empty_dsn)
    yield raw
    await raw.close()


async def test_json_goes_in_and_comes_out_as_values(db: Database) -> None:
    """What is stored as JSON is read back as it was."""
    value = {"name": "Zoë", "list": [1, 2.5, None, True], "deep": {"a": {"b": []}}}
    assert await db.fetchval("SELECT $1::jsonb", value) == value
    assert await db.fetchval("SELECT $1::json", value) == value
    assert await db.fetchval("SELECT ($1::jsonb)->>'name'", value) == "Zoë"


async def test_the_pool_and_a_transaction_take_the_same_calls(db: Database) -> None:
    """A function of the store works on either."""

    async def write_and_read(where: Queryable) -> list[int]:
        assert await where.execute("INSERT INTO t VALUES ($1)", 1) == "INSERT 0 1"
        await where.executemany("INSERT INTO t VALUES ($1)", [(2,), (3,)])
        assert await where.copy_records_to_table("t", columns=["n"], records=[(4,), (5,)]) == "COPY 2"
        row = await where.fetchrow("SELECT min(n) AS low, max(n) AS high FROM t")
        assert row is not None
        assert (row["low"], row["high"]) == (1, 5)
        found = [row["n"] for row in await where.fetch("DELETE FROM t RETURNING n")]
        return sorted(found)

    assert await write_and_read(db) == [1, 2, 3, 4, 5]
    async with db.transaction() as tx:
        assert await write_and_read(tx) == [1, 2, 3, 4, 5]


async def test_a_transaction_is_whole_or_not_at_all(db: Database) -> None:
    """An error undoes the block it left, and no more."""
    with pytest.raises(ZeroDivisionError):
        async with db.transaction() as tx:
            await tx.execute("INSERT INTO t VALUES (1)")
            raise ZeroDivisionError
    async with db.transaction() as tx:
        await tx.execute("INSERT INTO t VALUES (2)")
        with pytest.raises(asyncpg.DivisionByZeroError):
            async with tx.transaction():
                await tx.execute("INSERT INTO t VALUES (3)")
                await tx.execute("SELECT 1 / 0")
        await tx.execute("INSERT INTO t VALUES (4)")
    assert [row["n"] for row in await db.fetch("SELECT n FROM t ORDER BY n")] == [2, 4]
    assert db.busy == 0


async def test_sessions_are_bounded_in_time(empty_dsn: str) -> None:
    """No statement, lock or forgotten transaction holds a connection for ever."""
    pool = await Database.open(empty_dsn, statement_timeout_s=0.2, name="bounded")
    shown = {
        name: await pool.fetchval("SELECT current_setting($1)", name)
        for name in ("application_name", "statement_timeout", "lock_timeout", "jit", "TimeZone")
    }
    assert shown == {
        "application_name": "bounded",
        "statement_timeout": "200ms",
        "lock_timeout": "200ms",
        "jit": "off",
        "TimeZone": "UTC",
    }
    assert await pool.fetchval("SELECT current_setting('idle_in_transaction_session_timeout')") == "30s"
    with pytest.raises(StoreUnavailable):
        await pool.fetchval("SELECT pg_sleep(5)")
    assert await pool.fetchval("SELECT 1") == 1
    await pool.close()


async def test_waiting_for_a_lock_ends_in_a_503(
    db: Database, other: "asyncpg.Connection[asyncpg.Record]", empty_dsn: str
) -> None:
    """A long transaction of somebody else makes callers fail, not pile up."""
    pool = await Database.open(empty_dsn, statement_timeout_s=0.3)
    async with other.transaction():
        await other.execute("LOCK TABLE t")
        with pytest.raises(StoreUnavailable):
            await pool.execute("INSERT INTO t VALUES (1)")
    assert await pool.execute("INSERT INTO t VALUES (1)") == "INSERT 0 1"
    await pool.close()


async def test_a_used_up_pool_refuses_within_a_second(db: Database) -> None:
    """The caller hears 503 with a time to come back, soon enough to act on it."""
    async with db.transaction(), db.transaction():
        assert db.busy == 2
        begun = time.monotonic()
        with pytest.raises(StoreUnavailable) as refused:
            await db.fetchval("SELECT 1")
        assert time.monotonic() - begun < 1.5
        assert not await db.ping()
    assert (refused.value.status, refused.value.retry_after_s) == (503, 2)
    assert await db.ping()


async def test_a_read_survives_the_loss_of_its_connection(
    db: Database, other: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """An administrator who cuts sessions is not noticed by readers."""
    slow = asyncio.create_task(db.fetchval("SELECT pg_sleep(0.3)::text || 'done'"))
    await asyncio.sleep(0.1)
    assert await other.fetchval(KILL_MY_NEIGHBOURS)
    assert await slow == "done"


async def test_a_write_is_never_repeated_by_itself(db: Database, other: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Its connection broke: nobody knows whether it took effect, so the caller decides."""
    sql = "WITH slow AS (SELECT pg_sleep(0.3)) INSERT INTO t SELECT 1 FROM slow"
    slow = asyncio.create_task(db.execute(sql))
    await asyncio.sleep(0.1)
    await other.fetchval(KILL_MY_NEIGHBOURS)
    with pytest.raises(StoreUnavailable, match="not known"):
        await slow
    assert await db.fetchval("SELECT count(*) FROM t") == 0


async def test_a_write_that_may_run_twice_is_repeated(
    db: Database, other: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """What its author marked as idempotent is carried through."""
    sql = "WITH slow AS (SELECT pg_sleep(0.3)) INSERT INTO t SELECT 1 FROM slow"
    slow = asyncio.create_task(db.execute(sql, idempotent=True))
    await asyncio.sleep(0.1)
    await other.fetchval(KILL_MY_NEIGHBOURS)
    assert await slow == "INSERT 0 1"


async def test_a_transaction_that_lost_its_connection_is_not_resumed(
    db: Database, other: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """Its first half is gone, so its second half must not run alone; the next transaction is fine."""
    with pytest.raises(StoreUnavailable):
        async with db.transaction() as tx:
            await tx.execute("INSERT INTO t VALUES (1)")
            await other.fetchval(KILL_MY_NEIGHBOURS)
            await tx.execute("INSERT INTO t VALUES (2)", idempotent=True)
    async with db.transaction() as tx:
        assert await tx.fetchval("SELECT count(*) FROM t") == 0


async def test_a_transaction_begins_on_a_connection_that_lives(db: Database, empty_dsn: str) -> None:
    """A session cut while it was idle is not noticed: nothing had been done in it."""

    async def kill() -> None:
        raw = await asyncpg.connect(empty_dsn)
        await raw.fetchval(KILL_MY_NEIGHBOURS)
        await raw.close()

    killer = threading.Thread(target=asyncio.run, args=(kill(),))
    killer.start()
    killer.join()  # blocks this loop on purpose: the pool cannot hear of the loss before it uses the connection
    async with db.transaction() as tx:
        assert await tx.fetchval("SELECT 1") == 1


async def test_faults_of_our_own_are_not_called_an_outage(db: Database) -> None:
    """A wrong statement fails loudly, inside and outside of a transaction."""
    with pytest.raises(asyncpg.UndefinedTableError):
        await db.execute("SELECT * FROM absent")
    with pytest.raises(asyncpg.NotNullViolationError):
        async with db.transaction() as tx:
            await tx.execute("INSERT INTO t VALUES (NULL)")
    with pytest.raises(asyncpg.DataError):
        await db.fetchval("SELECT $1::int", "no number")


async def test_a_read_only_server_is_an_outage(db: Database) -> None:
    """During a fail-over we may hang on the replica: 503, and the shop asks again."""
    with pytest.raises(StoreUnavailable):
        async with db.transaction() as tx:
            await tx.execute("SET TRANSACTION READ ONLY")
            await tx.execute("INSERT INTO t VALUES (1)")


async def test_the_pool_comes_back_after_a_restart(
    make_server: Callable[[Path], EmbeddedPostgres], made_data_dir: Path
) -> None:
    """While Postgres is away callers hear 503 at once; once it is back, the same pool serves."""
    server = make_server(made_data_dir)
    pool = await Database.open(await server.start(), size_min=4, size_max=4)
    await server.stop()
    begun = time.monotonic()
    with pytest.raises(StoreUnavailable):
        await pool.fetchval("SELECT 1")
    with pytest.raises(StoreUnavailable):
        async with pool.transaction():
            pass
    assert not await pool.ping()
    assert time.monotonic() - begun < 2
    await server.start()
    assert await asyncio.gather(*(pool.fetchval("SELECT 1") for _ in range(8))) == [1] * 8
    async with pool.transaction() as tx:
        assert await tx.fetchval("SELECT 1") == 1
    await pool.close()


async def test_opening_without_a_server_is_refused_with_a_sentence(tmp_path: Path) -> None:
    """A gateway whose database is not there says so, and does not hang."""
    with pytest.raises(StoreUnavailable):
        await Database.open(f"postgresql://u:p@/d?host={tmp_path}")


@contextlib.asynccontextmanager
async def tcp_relay(url: str) -> AsyncGenerator["Relay"]:
    """The server of the URL on a TCP port of loopback, without TLS, over a wire that can be cut."""
    relay = Relay(Path(parse_qs(urlsplit(url).query)["host"][0]) / ".s.PGSQL.5432")
    server = await asyncio.start_server(relay.join, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    parts = urlsplit(url)
    relay.url = f"postgresql://{parts.username}:{parts.password}@127.0.0.1:{port}{parts.path}"
    try:
        yield relay
    finally:
        relay.cut()
        server.close()
        await server.wait_closed()


class Relay:
    """Passes bytes on. With `cut_at` set, the first answer that holds it is not passed on: the wire is cut instead."""

    def __init__(self, path: Path) -> None:
        self.url = ""
        self.cut_at = b""
        self._path = path
        self._writers: list[asyncio.StreamWriter] = []

    async def join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        server_reader, server_writer = await asyncio.open_unix_connection(self._path)
        self._writers += [writer, server_writer]
        await asyncio.gather(
            self._pass(reader, server_writer, is_answer=False), self._pass(server_reader, writer, is_answer=True)
        )

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                if is_answer and self.cut_at and self.cut_at in data:
                    self.cut_at = b""
                    self.cut()
                    return
                writer.write(data)
                await writer.drain()
        writer.close()

    def cut(self) -> None:
        """Ends every connection."""
        for writer in self._writers:
            writer.close()
        self._writers.clear()


async def test_a_url_that_demands_tls_gets_tls_or_nothing(empty_dsn: str) -> None:
    """Against a server without TLS it is refused; the same server is reached where plain text is allowed."""
    async with tcp_relay(empty_dsn) as relay:
        for mode in ("require", "verify-full"):
            with pytest.raises((StoreUnavailable, asyncpg.InterfaceError)):
                await Database.open(f"{relay.url}?sslmode={mode}")
        pool = await Database.open(f"{relay.url}?sslmode=disable")
        assert await pool.ping()
        await pool.close()


async def test_a_commit_whose_answer_was_lost_is_reported_as_unknown(empty_dsn: str) -> None:
    """The wire broke after the commit: the rows are there, and the caller is not told "nothing was changed"."""
    async with tcp_relay(empty_dsn) as relay:
        pool = await Database.open(f"{relay.url}?sslmode=disable")
        await pool.execute("CREATE TABLE t (n int)")
        with pytest.raises(StoreUnavailable, match="not known"):
            async with pool.transaction() as tx:
                await tx.execute("INSERT INTO t VALUES (1)")
                relay.cut_at = b"COMMIT"
        assert await pool.fetchval("SELECT count(*) FROM t") == 1
        await pool.close()
