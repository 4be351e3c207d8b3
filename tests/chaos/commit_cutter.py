"""A proxy in front of Postgres that cuts a connection between a COMMIT and its answer.

The server commits, and nobody hears of it: the one moment in which a client cannot know. The proxy waits for the
server's answer (so the commit has happened), keeps it to itself and resets the connection. It knows as much of the
protocol as that takes: application_name in the startup message, and `COMMIT` as a simple query.
Source: PostgreSQL documentation, Message Formats (StartupMessage, Query).
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator
from typing import Final
from urllib.parse import parse_qs, urlsplit

from tests.chaos.weather import reset

_PIECE: Final = 64 * 1024
_COMMIT: Final = b"COMMIT;\x00"
_NAME: Final = re.compile(rb"application_name\x00([^\x00]*)\x00")


class CommitCutter:
    """Listens on a port; `dsn` leads there. Cuts only while `victims` is set, and only connections of that name."""

    def __init__(self, dsn: str) -> None:
        self._there = urlsplit(dsn)
        self._socket = f"{parse_qs(self._there.query)['host'][0]}/.s.PGSQL.{parse_qs(self._there.query)['port'][0]}"
        self._server: asyncio.Server | None = None
        self.victims = ""
        """The application_name of those whose commits are cut; empty: nobody's."""
        self.every = 1
        """Every so manieth commit of theirs."""
        self.seen = 0
        self.cut = 0

    @property
    def dsn(self) -> str:
        """The way through this proxy."""
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        return f"postgresql://{self._there.netloc.partition('@')[0]}@127.0.0.1:{port}{self._there.path}?sslmode=disable"

    async def start(self) -> None:
        """Listens on a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def stop(self) -> None:
        """Listens no more."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            to_reader, to_writer = await asyncio.open_unix_connection(self._socket)
        except OSError:
            reset(writer)
            return
        committing = asyncio.Event()
        there = asyncio.create_task(self._ask(reader, to_writer, committing))
        back = asyncio.create_task(self._answer(to_reader, writer, committing))
        await asyncio.wait([there, back], return_when=asyncio.FIRST_COMPLETED)
        for task in (there, back):
            task.cancel()
        await asyncio.gather(there, back, return_exceptions=True)
        to_writer.close()
        writer.close()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, committing: asyncio.Event) -> None:
        name = ""
        while piece := await reader.read(_PIECE):
            if found := _NAME.search(piece):
                name = found[1].decode()
            if piece.endswith(_COMMIT) and self.victims and name == self.victims:
                self.seen += 1
                if self.seen % self.every == 0:
                    committing.set()
            writer.write(piece)
            await writer.drain()

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, committing: asyncio.Event
    ) -> None:
        while piece := await reader.read(_PIECE):
            if committing.is_set():
                self.cut += 1
                reset(writer)
                return
            writer.write(piece)
            await writer.drain()


@contextlib.asynccontextmanager
async def commit_cutter(dsn: str) -> AsyncGenerator[CommitCutter]:
    """A proxy for the length of the block."""
    cutter = CommitCutter(dsn)
    await cutter.start()
    try:
        yield cutter
    finally:
        await cutter.stop()
