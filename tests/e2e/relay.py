"""A wire between a browser and the gateway that a test can cut: to the browser the network is dead then."""

import asyncio
from contextlib import suppress
from typing import Final

_CHUNK_BYTES: Final = 65_536


class Relay:
    """Passes bytes on to a port of this machine while it is whole."""

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._server: asyncio.Server | None = None
        self._wires: set[asyncio.StreamWriter] = set()
        self.port = 0

    @property
    def url(self) -> str:
        """What the browser takes for the gateway."""
        return f"http://localhost:{self.port}"

    async def mend(self) -> None:
        """Listens: the first time on a free port, then on the same one again."""
        self._server = await asyncio.start_server(self._pass_on, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Hangs up on everybody and takes no calls."""
        if self._server is not None:
            self._server.close()
        for wire in list(self._wires):
            wire.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to_port)
        ends = {writer, far_writer}
        self._wires |= ends
        await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
        self._wires -= ends


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(_CHUNK_BYTES):
            target.write(data)
            await target.drain()
    target.close()
