"""A database whose user dies: at the nth thing that is asked of it, before or after it was done."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

from gateway.store.database import Database, Queryable


class Died(BaseException):
    """What a SIGKILL is to those who look on: nothing of the process happens any more."""


class Fuse:
    """Burns down with each thing that happens; at its end the process dies."""

    def __init__(self, left: int) -> None:
        self.left = left

    def burn(self) -> None:
        """One thing has happened, or is about to."""
        self.left -= 1
        if self.left < 0:
            raise Died


def mortal(db: Queryable, fuse: Fuse) -> Database:
    """The same database as a process has it that dies when the fuse is burnt: open transactions are undone then."""
    return cast("Database", _Mortal(db, fuse))


class _Mortal:
    def __init__(self, db: Queryable, fuse: Fuse) -> None:
        self._db = db
        self._fuse = fuse

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        ask = getattr(self._db, name)

        async def asked(*args: Any, **options: Any) -> Any:
            self._fuse.burn()
            answer = await ask(*args, **options)
            self._fuse.burn()
            return answer

        return asked

    @asynccontextmanager
    async def transaction(self) -> "AsyncGenerator[Database]":
        self._fuse.burn()
        async with self._db.transaction() as tx:
            yield mortal(tx, self._fuse)
            self._fuse.burn()
        self._fuse.burn()
