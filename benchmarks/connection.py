"""One HTTP connection of a load client, on raw sockets: the load costs little, and what it costs is told apart."""

import asyncio
from typing import Final, cast

_END_OF_HEAD: Final = b"\r\n\r\n"
_LENGTH: Final = b"Content-Length: "


class Connection(asyncio.Protocol):
    """Kept alive, HTTP/1.1, with one request under way."""

    def __init__(self) -> None:
        self._buffer = b""
        self._answered: asyncio.Future[int] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are of no common class

    def connection_lost(self, exc: Exception | None) -> None:
        """Whoever waits hears of it."""
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(exc or ConnectionResetError("the gateway closed the connection"))

    async def post(self, request: bytes) -> int:
        """The status of the answer."""
        assert self._transport is not None
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answered

    def data_received(self, data: bytes) -> None:
        """Reads a whole answer: status line, Content-Length, body."""
        self._buffer += data
        head = self._buffer.find(_END_OF_HEAD)
        if head < 0:
            return
        start = self._buffer.index(_LENGTH) + len(_LENGTH)
        body = int(self._buffer[start : self._buffer.index(b"\r\n", start)])
        if len(self._buffer) < head + len(_END_OF_HEAD) + body:
            return
        status = int(self._buffer[9:12])
        self._buffer = b""
        assert self._answered is not None
        self._answered.set_result(status)
