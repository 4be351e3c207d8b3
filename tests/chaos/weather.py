"""Bad weather between two programs: a TCP proxy that delays, slices, starves, swallows, cuts and refuses.

For any protocol: it sees bytes only. `Weather` may change at any moment and holds for connections under way as well.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncGenerator
from typing import Final, Literal

import msgspec

_PIECE: Final = 64 * 1024
_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER on and zero: close() sends a reset."""
Sky = Literal["clear", "silent", "refusing"]
"""silent: connections are taken, nothing is passed on, and what was held is lost with them at the next change.
refusing: no connection is taken, those there are reset."""


class Weather(msgspec.Struct, frozen=True, kw_only=True):
    """What happens to the bytes."""

    sky: Sky = "clear"
    delay_s: float = 0.0
    """Each piece waits so long."""
    slice_bytes: int = _PIECE
    """Pieces of at most so many bytes."""
    rate: float = float("inf")
    """Bytes a second, each way of each connection."""
    answer_bytes_max: int | None = None
    """Connections are reset after so many bytes of answers, so that one is cut in its middle."""


class WeatherProxy:
    """Listens on a port of its own and passes connections on to `target` on this machine."""

    def __init__(self, target: int) -> None:
        self.weather = Weather()
        self.port = 0
        self.connections = 0
        """Open at the moment."""
        self.connections_peak = 0
        self.connections_total = 0
        self._target = target
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._changed = asyncio.Event()

    async def start(self) -> None:
        """Listens; the port stays the same for its whole life."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Nobody listens any more, and every connection is reset."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._open):
            reset(writer)

    async def turn(self, weather: Weather) -> None:
        """Changes the weather, at once and for everybody."""
        self.weather = weather
        self._changed.set()
        self._changed = asyncio.Event()
        if weather.sky == "refusing":
            await self.stop()
        elif self._server is None:
            await self.start()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections_total += 1
        self.connections += 1
        self.connections_peak = max(self.connections_peak, self.connections)
        self._open.add(writer)
        try:
            to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self._target)
            self._open.add(to_writer)
            try:
                there = asyncio.create_task(self._pass_on(reader, to_writer, is_answer=False))
                back = asyncio.create_task(self._pass_on(to_reader, writer, is_answer=True))
                await asyncio.wait([there, back], return_when=asyncio.FIRST_COMPLETED)
                there.cancel()
                back.cancel()
                await asyncio.gather(there, back, return_exceptions=True)
            finally:
                self._let_go(to_writer)
        except OSError:
            reset(writer)
        finally:
            self.connections -= 1
            self._let_go(writer)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool) -> None:
        passed = 0
        while piece := await reader.read(min(self.weather.slice_bytes, _PIECE)):
            if self.weather.sky == "silent":
                await self._changed.wait()
                reset(writer)
                return
            left = self.weather.answer_bytes_max
            if is_answer and left is not None and passed + len(piece) > left:
                writer.write(piece[: max(0, left - passed)])
                reset(writer)
                return
            passed += len(piece)
            wait_s = self.weather.delay_s + len(piece) / self.weather.rate
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            writer.write(piece)
            await writer.drain()

    def _let_go(self, writer: asyncio.StreamWriter) -> None:
        self._open.discard(writer)
        writer.close()


def reset(writer: asyncio.StreamWriter) -> None:
    """Ends a connection the hard way."""
    tcp: socket.socket | None = writer.get_extra_info("socket")
    if tcp is not None:
        with contextlib.suppress(OSError):
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


@contextlib.asynccontextmanager
async def weather_in_front_of(port: int) -> AsyncGenerator[WeatherProxy]:
    """A proxy for the length of the block."""
    proxy = WeatherProxy(port)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()
