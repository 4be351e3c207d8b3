"""A TLS port that speaks HTTP/2 or HTTP/1.1, as the client's ALPN asks (RFC 7301; RFC 9113 section 3.2)."""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack

from aiohttp import web

from gateway.sandbox.http2 import Http2Line

_BACKLOG = 1024
_SHUTDOWN_S = 0.5


class _ByAlpn(asyncio.Protocol):
    """Lives for the handshake; then the version that was agreed on takes the connection over."""

    def __init__(self, http2: Callable[[], asyncio.Protocol], http1: Callable[[], asyncio.Protocol] | None) -> None:
        self._http2 = http2
        self._http1 = http1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        agreed = transport.get_extra_info("ssl_object").selected_alpn_protocol()
        make = self._http2 if agreed == "h2" else self._http1
        if make is None:
            transport.abort()
            return
        protocol = make()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)


class TlsListener:
    """One TLS port."""

    def __init__(self, make_line: Callable[[], Http2Line], lines: set[Http2Line]) -> None:
        """`lines`: every HTTP/2 connection that stands."""
        self._make_line = make_line
        self._lines = lines

    async def listen(
        self, stack: AsyncExitStack, host: str, port: int, tls: ssl.SSLContext, http1: web.Server | None = None
    ) -> int:
        """Listen until the stack is closed; returns the port.

        `http1` answers clients that do not ask for HTTP/2; None hangs up on them, as Apple does.
        """
        server = await asyncio.get_running_loop().create_server(
            lambda: _ByAlpn(self._make_line, http1), host, port, ssl=tls, backlog=_BACKLOG
        )
        stack.push_async_callback(self._stop, server, http1)
        return int(server.sockets[0].getsockname()[1])

    async def _stop(self, server: asyncio.Server, http1: web.Server | None) -> None:
        server.close()
        for line in list(self._lines):
            line.hang_up(said=b"")
        if http1 is not None:
            await http1.shutdown(_SHUTDOWN_S)
