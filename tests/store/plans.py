"""How Postgres goes about the gateway's statements: they are caught on their way, as their functions send them."""

import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest

from gateway.store.database import Connection, Database

HOT: Final = (
    "subscriptions", "addresses", "persons", "messages", "chunks", "outcomes", "receipts", "receipt_counts",
    "idempotency",
)  # fmt: skip
_EXPLAINED: Final = {"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"}
Statement = tuple[str, tuple[object, ...]]


class Recording:
    """A database that lets statements through and remembers them."""

    def __init__(self, db: Database | Connection) -> None:
        self._db = db
        self.statements: list[Statement] = []

    def _seen(self, sql: str, args: tuple[object, ...]) -> None:
        self.statements.append((sql, args))

    async def fetch(self, sql: Any, *args: object, idempotent: bool | None = None) -> Any:
        self._seen(sql, args)
        return await self._db.fetch(sql, *args, idempotent=idempotent)

    async def fetchrow(self, sql: Any, *args: object, idempotent: bool | None = None) -> Any:
        self._seen(sql, args)
        return await self._db.fetchrow(sql, *args, idempotent=idempotent)

    async def fetchval(self, sql: Any, *args: object, idempotent: bool | None = None) -> Any:
        self._seen(sql, args)
        return await self._db.fetchval(sql, *args, idempotent=idempotent)

    async def execute(self, sql: Any, *args: object, idempotent: bool | None = None) -> Any:
        self._seen(sql, args)
        return await self._db.execute(sql, *args, idempotent=idempotent)

    async def executemany(self, sql: Any, rows: Any) -> None:
        listed = list(rows)
        self._seen(sql, tuple(listed[0]))
        await self._db.executemany(sql, listed)

    async def copy_records_to_table(self, table: Any, *, columns: Any, records: Any) -> str:
        return await self._db.copy_records_to_table(table, columns=columns, records=records)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator["Recording"]:
        async with self._db.transaction() as tx:
            inside = Recording(tx)
            inside.statements = self.statements
            yield inside


async def plans(db: Database | Connection, use: Callable[[Any], Awaitable[object]]) -> list[str]:
    """How Postgres goes about each statement that `use` sends; nothing of it stays."""
    recording = Recording(db)
    found: list[str] = []

    class TakeBackError(Exception):
        """Undoes what the explained statements did."""

    with pytest.raises(TakeBackError):
        async with db.transaction() as tx:
            recording = Recording(tx)
            await use(recording)
            raise TakeBackError
    for sql, args in recording.statements:
        if sql.split(maxsplit=1)[0].upper() in _EXPLAINED:
            rows = await db.fetch("EXPLAIN " + sql, *args)  # type: ignore[arg-type]  # a statement of the gateway's own
            found.append("\n".join(row[0] for row in rows))
    assert found
    return found


def whole_tables(plan: str) -> list[str]:
    """The hot tables that a plan reads from end to end."""
    return [table for table in re.findall(r"Seq Scan on (\w+)", plan) if table.startswith(HOT)]
