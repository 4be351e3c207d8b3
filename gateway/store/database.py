"""The way into Postgres: a pool, its codecs, its time limits, and what becomes of its faults.

Functions of the store take a `Queryable`: the pool itself (each statement a transaction of its own) or the
`Connection` of a transaction under way. Statements are `LiteralString`, so that a statement glued together from input
is a type error.

What may be repeated. A connection can die between our sending a statement and our hearing of its end; nobody can tell
then whether it took effect (the server may report its shutdown after the commit). So only what does no harm twice is
repeated, once and on a fresh connection: a statement that begins with SELECT, one that its caller marks
`idempotent=True`, and the BEGIN of a transaction. Everything else is reported as `StoreUnavailable`, and whoever gave
the order repeats it under its idempotency key or its fence.
"""

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, LiteralString, Protocol, Self, TypeAlias, TypeVar

import asyncpg
import msgspec
from asyncpg.pool import PoolConnectionProxy
from asyncpg.transaction import Transaction

from gateway.model.errors import StoreUnavailable
from gateway.model.limits import (
    CONNECTION_WAIT_S,
    IDLE_IN_TRANSACTION_S,
    LOCK_TIMEOUT_S,
    PING_S,
    POOL_CONNECTIONS_MAX,
    STATEMENT_TIMEOUT_S,
)
from gateway.store.faults import LOST_TEXT, is_lost, raise_if_unavailable

Record: TypeAlias = asyncpg.Record
_Raw: TypeAlias = "asyncpg.Connection[Record]"
_Pooled: TypeAlias = "PoolConnectionProxy[Record]"
_T = TypeVar("_T")

_CLIENT_GRACE_S: Final = 5.0
# The server's own statement_timeout comes first and leaves a clean connection; ours is for a server that fell silent.
_CONNECT_S: Final = 10.0
_STATEMENTS_PER_CONNECTION_MAX: Final = 100_000_000
# asyncpg replaces a connection after 50,000 statements: a minute of work here, and a new one looks up its types again.


def affected(tag: str) -> int:
    """How many rows a statement wrote, by what Postgres says at its end, such as `DELETE 12`.

    PostgreSQL documentation, "Message Formats", CommandComplete: the number stands last.
    """
    return int(tag.rpartition(" ")[2])


class Queryable(Protocol):
    """What a function of the store needs: the pool or a transaction under way.

    All raise `StoreUnavailable` when Postgres is away, full, overdue or read only, and asyncpg's own error else.
    `idempotent` says whether the statement may run twice; None: only if it begins with SELECT (see the module).
    """

    async def fetch(self, sql: LiteralString, *args: object, idempotent: bool | None = None) -> list[Record]:
        """All rows."""
        ...

    async def fetchrow(self, sql: LiteralString, *args: object, idempotent: bool | None = None) -> Record | None:
        """The first row, or None."""
        ...

    async def fetchval(self, sql: LiteralString, *args: object, idempotent: bool | None = None) -> Any:
        """The first column of the first row, or None."""
        ...

    async def execute(self, sql: LiteralString, *args: object, idempotent: bool | None = None) -> str:
        """The status tag, such as "UPDATE 1"."""
        ...

    async def executemany(self, sql: LiteralString, rows: Iterable[Sequence[object]]) -> None:
        """The statement once per row, all or none of them."""
        ...

    async def copy_records_to_table(
        self, table: LiteralString, *, columns: Sequence[LiteralString], records: Iterable[Sequence[object]]
    ) -> str:
        """Many rows by COPY, all or none of them; the status tag, such as "COPY 500"."""
        ...

    def transaction(self) -> "AbstractAsyncContextManager[Connection]":
        """All of the block or nothing; inside a transaction: a savepoint."""
        ...


class _Asking(ABC):
    """The calls of `Queryable`, over one question: how does this object get hold of a connection?"""

    @abstractmethod
    async def _ask(self, question: Callable[[_Pooled], Awaitable[_T]], *, repeatable: bool) -> _T: ...

    async def fetch(self, sql: LiteralString, *args: object, idempotent: bool | None = None) -> list[Record]:
        return await self._ask(lambda raw: raw.fetch(sql, *args), repeatable=_may_repeat(sql, said=idempotent))

    async def fetchrow(self, sql: LiteralString, *args: object, idempotent: bool | None = None) -> Record | None:
        return await self._ask(lambda raw: raw.fetchrow(sql, *args), repeatable=_may_repeat(sql, said=idempotent))

    async def fetchval(self, sql: LiteralString, *args: object, idempotent: bool | None = None) -> Any:
        return await self._ask(lambda raw: raw.fetchval(sql, *args), repeatable=_may_repeat(sql, said=idempotent))

    async def execute(self, sql: LiteralString, *args: object, idempotent: bool | None = None) -> str:
        return await self._ask(lambda raw: raw.execute(sql, *args), repeatable=_may_repeat(sql, said=idempotent))

    async def executemany(self, sql: LiteralString, rows: Iterable[Sequence[object]]) -> None:
        await self._ask(lambda raw: raw.executemany(sql, rows), repeatable=False)

    async def copy_records_to_table(
        self, table: LiteralString, *, columns: Sequence[LiteralString], records: Iterable[Sequence[object]]
    ) -> str:
        return await self._ask(
            lambda raw: raw.copy_records_to_table(table, columns=columns, records=records), repeatable=False
        )


class Connection(_Asking):
    """A transaction under way. Nothing in it is ever repeated: its earlier statements would be missing."""

    def __init__(self, raw: _Pooled) -> None:
        self._raw = raw

    async def _ask(self, question: Callable[[_Pooled], Awaitable[_T]], *, repeatable: bool) -> _T:
        del repeatable
        try:
            return await question(self._raw)
        except Exception as fault:
            raise_if_unavailable(fault, lost=_is_gone(self._raw) or is_lost(fault))
            raise

    @contextlib.asynccontextmanager
    async def transaction(self) -> "AsyncGenerator[Connection]":
        """A savepoint: what the block did is undone if it raises, and the transaction goes on."""
        savepoint = self._raw.transaction()
        await self._ask(lambda _: savepoint.start(), repeatable=False)
        try:
            yield self
        except BaseException:
            await _roll_back(self._raw, savepoint)
            raise
        await self._ask(lambda _: savepoint.commit(), repeatable=False)


class Database(_Asking):
    """The pool. Comes back by itself after a restart of Postgres; until then calls raise `StoreUnavailable` at once.

    Sessions carry no state from one user to the next but what `open` set: no SET, no LISTEN, no session lock through
    the pool, because nothing resets a connection that goes back (it would cost a round trip each time).
    """

    def __init__(self, pool: "asyncpg.Pool[Record]", *, dsn: str) -> None:
        self._pool = pool
        self._dsn = dsn

    @classmethod
    async def open(
        cls,
        dsn: str,
        *,
        size_min: int = 1,
        size_max: int = POOL_CONNECTIONS_MAX,
        name: str = "steeple",
        statement_timeout_s: float = STATEMENT_TIMEOUT_S,
    ) -> Self:
        """Connects; raises `StoreUnavailable` when Postgres is not there. `name` is what pg_stat_activity shows.

        `dsn` is a libpq URL; its TLS options hold (sslmode, sslrootcert, sslcert, sslkey).
        """
        pool = asyncpg.create_pool(
            dsn,
            min_size=size_min,
            max_size=size_max,
            timeout=_CONNECT_S,
            max_queries=_STATEMENTS_PER_CONNECTION_MAX,
            max_inactive_connection_lifetime=0,
            command_timeout=statement_timeout_s + _CLIENT_GRACE_S,
            init=_prepare_session,
            reset=_keep_session,
            server_settings=_server_settings(name, statement_timeout_s),
        )
        try:
            await pool
        except Exception as fault:
            raise_if_unavailable(fault, lost=False)
            raise
        return cls(pool, dsn=dsn)

    @property
    def dsn(self) -> str:
        """What it was opened with. Holds the password: never log it."""
        return self._dsn

    @property
    def busy(self) -> int:
        """Connections in use."""
        return self._pool.get_size() - self._pool.get_idle_size()

    @property
    def idle(self) -> int:
        """Connections open and free."""
        return self._pool.get_idle_size()

    async def close(self) -> None:
        """Waits for the statements under way, a few seconds at most, then closes every connection."""
        try:
            async with asyncio.timeout(_CLIENT_GRACE_S):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    async def ping(self) -> bool:
        """Whether Postgres answers within half a second. Never raises."""
        try:
            async with asyncio.timeout(PING_S):
                return await self.fetchval("SELECT 1") == 1
        except (TimeoutError, StoreUnavailable, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False

    async def _ask(self, question: Callable[[_Pooled], Awaitable[_T]], *, repeatable: bool) -> _T:
        try:
            return await self._ask_once(question)
        except _ConnectionLost as lost:
            if not repeatable:
                raise StoreUnavailable(LOST_TEXT) from lost.__cause__
        await self._pool.expire_connections()  # what killed this connection has probably killed its neighbours
        try:
            return await self._ask_once(question)
        except _ConnectionLost as lost:
            raise StoreUnavailable from lost.__cause__

    async def _ask_once(self, question: Callable[[_Pooled], Awaitable[_T]]) -> _T:
        raw = await self._acquire()
        try:
            return await question(raw)
        except Exception as fault:
            if _is_gone(raw) or is_lost(fault):
                raise _ConnectionLost from fault
            raise_if_unavailable(fault, lost=False)
            raise
        finally:
            await self._release(raw)

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Connection]:
        """All of the block or nothing.

        `StoreUnavailable` out of the end of the block means: nobody knows whether the commit took effect.
        """
        raw, transaction = await self._begin()
        try:
            try:
                yield Connection(raw)
            except BaseException:
                await _roll_back(raw, transaction)
                raise
            await _commit(raw, transaction)
        finally:
            await self._release(raw)

    async def _begin(self) -> tuple[_Pooled, Transaction]:
        try:
            return await self._begin_once()
        except _ConnectionLost:
            await self._pool.expire_connections()
        try:
            return await self._begin_once()
        except _ConnectionLost as lost:
            raise StoreUnavailable from lost.__cause__

    async def _begin_once(self) -> tuple[_Pooled, Transaction]:
        raw = await self._acquire()
        transaction = raw.transaction()
        try:
            await transaction.start()
        except BaseException as fault:
            lost = _is_gone(raw) or is_lost(fault)
            await self._release(raw)
            if lost and isinstance(fault, Exception):
                raise _ConnectionLost from fault
            raise_if_unavailable(fault, lost=False)
            raise
        return raw, transaction

    async def _acquire(self) -> _Pooled:
        try:
            return await self._pool.acquire(timeout=CONNECTION_WAIT_S)
        except TimeoutError as fault:
            raise StoreUnavailable("No database connection came free within a second; nothing was changed.") from fault
        except Exception as fault:
            raise_if_unavailable(fault, lost=False)
            raise

    async def _release(self, raw: _Pooled) -> None:
        # A connection that dies on its way back is replaced by the pool; the caller has its answer already.
        with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            await self._pool.release(raw)


class _ConnectionLost(Exception):
    """The connection died under a statement; the cause is the fault that told us."""


def _server_settings(name: str, statement_timeout_s: float) -> dict[str, str]:
    return {
        "application_name": name,
        "statement_timeout": _ms(statement_timeout_s),
        "lock_timeout": _ms(min(LOCK_TIMEOUT_S, statement_timeout_s)),
        "idle_in_transaction_session_timeout": _ms(IDLE_IN_TRANSACTION_S),
        # Our statements touch few rows; compiling one costs more than running it.
        "jit": "off",
        # `day` columns are made by casts of timestamps; they must fall on the same day on every server.
        "timezone": "UTC",
    }


def _ms(seconds: float) -> str:
    return str(max(1, round(seconds * 1000)))


async def _prepare_session(raw: _Raw) -> None:
    """Sets the JSON codecs and looks up the array types: on Citus the first use of each costs up to a second."""
    for name in ("json", "jsonb"):
        await raw.set_type_codec(
            name, schema="pg_catalog", encoder=_to_json, decoder=msgspec.json.decode, format="text"
        )
    await raw.fetchrow("SELECT $1::bigint[], $2::smallint[], $3::text[], $4::int[], $5::bytea[]", [], [], [], [], [])


def _to_json(value: object) -> str:
    return msgspec.json.encode(value).decode()


async def _keep_session(_raw: _Raw) -> None:
    """In place of asyncpg's reset, a round trip for each connection that goes back; `Database` says what it demands."""


def _may_repeat(sql: str, *, said: bool | None) -> bool:
    return sql.lstrip()[:6].upper() == "SELECT" if said is None else said


def _is_gone(raw: _Pooled) -> bool:
    """Whether the connection is closed. The pool takes a dead one away from its user: asking it anything raises."""
    try:
        return raw.is_closed()
    except asyncpg.InterfaceError:
        return True


async def _commit(raw: _Pooled, transaction: Transaction) -> None:
    try:
        await transaction.commit()
    except Exception as fault:
        raise_if_unavailable(fault, lost=_is_gone(raw) or is_lost(fault))
        raise


async def _roll_back(raw: _Pooled, transaction: Transaction) -> None:
    # On a dead connection the server has rolled back already, and the caller's own error is the one to tell.
    if not _is_gone(raw):
        with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            await transaction.rollback()
