"""The listener: aiohttp's server with time limits, connection limits, and our shape for requests that are no HTTP.

aiohttp gives a new connection its whole keep-alive time for the first request, so a client that sends half a header
holds a socket for that long. Here it has 10 s (`HEADER_READ_S`). On a connection that has served a request the
keep-alive time (75 s) bounds a half-sent header. The limits on connections are per process; a proxy in front is still
advised on the open internet, and its address belongs into `trusted_proxies`, or all its clients count as one.
"""

import asyncio
import contextlib
import resource
from collections import Counter
from typing import Any, Final

import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from gateway.api.addresses import TrustedProxies
from gateway.api.answers import error_answer, internal_fault
from gateway.api.middleware import dress
from gateway.model.errors import GatewayError
from gateway.model.ids import new_id, to_text
from gateway.model.limits import (
    CLIENTS_MAX,
    CLIENTS_PER_ADDRESS_MAX,
    HEADER_READ_S,
    KEEP_ALIVE_S,
    LINGER_S,
)

_log: Final = structlog.get_logger(room="api")
_BACKLOG: Final = 1024
_INTERNAL: Final = 500
_OPTIONS: Final[dict[str, Any]] = {
    "access_log": None,  # metrics count; a log line per request would cost as much as the request
    "keepalive_timeout": KEEP_ALIVE_S,
    "lingering_time": LINGER_S,
    "auto_decompress": False,
}


class _Connection(RequestHandler):
    """One connection, held to its first request's time limit."""

    __slots__ = ("_first_request_by", "address", "url")

    def __init__(self, server: "_Server", *, url: str, **options: Any) -> None:
        super().__init__(server, **options)
        self._first_request_by: asyncio.TimerHandle | None = None
        self.address = ""
        self.url = url

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Arms the time limit."""
        super().connection_made(transport)
        self._first_request_by = self._loop.call_later(HEADER_READ_S, self._close_unless_served)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Disarms it."""
        if self._first_request_by is not None:
            self._first_request_by.cancel()
        super().connection_lost(exc)

    def _close_unless_served(self) -> None:
        if self._request_count == 0:
            self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = _INTERNAL,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what aiohttp could not read, in our shape. Says nothing of what was sent."""
        del message
        if request.writer.output_size > 0:
            raise ConnectionError("the answer is on its way already")
        if status >= _INTERNAL:
            _log.error("request_failed", error=type(exc).__name__, exc_info=exc)
            fault = internal_fault()
        else:
            fault = GatewayError("http_unreadable", "The request breaks the rules of HTTP.", status=status)
        request_id = to_text("req", new_id())
        answer = error_answer(fault, request_id=request_id, url=self.url)
        dress(answer, request_id)
        answer.force_close()
        return answer


class _Server(web.Server):
    """Makes connections, and counts them."""

    def __init__(self, handler: Any, *, url: str, proxies: TrustedProxies, **options: Any) -> None:
        super().__init__(handler, **options)
        self._url = url
        self._proxies = proxies
        self._open: Counter[str] = Counter()

    def __call__(self) -> RequestHandler:
        return _Connection(self, url=self._url, loop=self._loop, **self._kwargs)

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """Takes the connection, or closes it at once where there are too many."""
        super().connection_made(handler, transport)
        assert isinstance(handler, _Connection)
        peer = transport.get_extra_info("peername")
        handler.address = str(peer[0]) if isinstance(peer, tuple) and peer else ""
        self._open[handler.address] += 1
        if len(self._connections) > CLIENTS_MAX or self._is_crowded(handler.address):
            transport.abort()

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        """Forgets it."""
        super().connection_lost(handler, exc)
        assert isinstance(handler, _Connection)
        self._open[handler.address] -= 1
        if self._open[handler.address] <= 0:
            del self._open[handler.address]

    def _is_crowded(self, address: str) -> bool:
        return bool(address) and self._open[address] > CLIENTS_PER_ADDRESS_MAX and not self._proxies.trusts(address)


class _Runner(web.AppRunner):
    """aiohttp's runner with our server in it."""

    def __init__(self, app: web.Application, *, url: str, proxies: TrustedProxies, shutdown_s: float) -> None:
        super().__init__(app, shutdown_timeout=shutdown_s, **_OPTIONS)
        self._url = url
        self._proxies = proxies

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _Server(
            made.request_handler,
            request_factory=made.request_factory,
            loop=asyncio.get_running_loop(),
            url=self._url,
            proxies=self._proxies,
            **_OPTIONS,
        )


async def listen(
    app: web.Application,
    *,
    host: str,
    port: int,
    url: str,
    trusted_proxies: str = "",
    reuse_port: bool = False,
    shutdown_s: float = 20.0,
) -> web.AppRunner:
    """Serves the application; `await runner.cleanup()` ends it, waiting `shutdown_s` for calls under way.

    port 0 picks a free one: `runner.addresses` tells. reuse_port: several processes share the port.
    """
    _allow_open_files()
    runner = _Runner(app, url=url, proxies=TrustedProxies(trusted_proxies), shutdown_s=shutdown_s)
    await runner.setup()
    site = web.TCPSite(runner, host, port, reuse_port=reuse_port or None, backlog=_BACKLOG)
    await site.start()
    return runner


def _allow_open_files() -> None:
    """Each connection is an open file; the usual soft limit of 1,024 is for programs that use select()."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CLIENTS_MAX + 1024
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
