"""One POST over a pooled HTTP/1.1 connection: the only HTTP client that the package constructs.

It does what a sender of pushes needs, and has nothing that a push service could use against us: no redirects (they
would carry the body and our signature elsewhere), no cookies, no proxy from the environment, no decompression, no
unbounded body, one deadline over all of it. Where to connect is decided in `egress`.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Final, Self, cast

import aiohappyeyeballs
from aiohttp.abc import ResolveResult

from gateway.model.limits import (
    CONNECT_DEADLINE_S,
    CONNECTION_IDLE_S,
    DNS_KEPT_S,
    SEND_DEADLINE_S,
)
from gateway.wire.egress import EgressPolicy, EgressRefused, GuardedResolver, Lookup, Target, ssl_context
from gateway.wire.exchange import Answer, FailureKind, WireFailure, check_headers
from gateway.wire.http1_answers import BrokenAnswer, Http1Reader

__all__ = ["Answer", "FailureKind", "Http1Client", "WireFailure", "check_headers"]

_OTHER_FAMILY_AFTER_S: Final = 0.25
"""RFC 8305 section 5."""
_Place = tuple[str, str, int]
"""Scheme, host, port: what a connection may be used for."""


class Http1Client:
    """A pool of HTTP/1.1 connections to permitted hosts. Make it inside the event loop that uses it."""

    def __init__(
        self,
        policy: EgressPolicy,
        *,
        connections_max: int,
        deadline_s: float = SEND_DEADLINE_S,
        lookup: Lookup | None = None,
    ) -> None:
        self._policy = policy
        self._deadline_s = deadline_s
        self._pool = _Pool(GuardedResolver(policy, lookup=lookup), ssl_context(policy), connections_max)

    async def post(
        self, target: Target, headers: Mapping[str, str], body: bytes, *, deadline_s: float | None = None
    ) -> Answer:
        """The answer to one POST, whatever its status; a redirect is an answer like any other.

        `deadline_s` covers waiting for a free connection, connecting, sending and the whole answer.

        Raises:
            WireFailure: there was no whole answer; `kind` says why.
        """
        try:
            request = self._request(target, headers, body)
            async with asyncio.timeout(self._deadline_s if deadline_s is None else deadline_s):
                return await self._pool.exchange((target.scheme, target.host, target.port), request)
        except EgressRefused as refused:
            raise WireFailure("refused", str(refused)) from refused
        except _NotConnected as fault:
            raise WireFailure(fault.kind, f"{target.host}: {type(fault.__cause__).__name__}") from fault
        except OSError as error:
            kind: FailureKind = "timeout" if isinstance(error, TimeoutError) else "broken"
            raise WireFailure(kind, f"{target.host}: {type(error).__name__}") from error

    async def aclose(self) -> None:
        """Closes every connection."""
        await self._pool.aclose()

    async def __aenter__(self) -> Self:
        """The client itself."""
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Closes every connection."""
        await self.aclose()

    def _request(self, target: Target, headers: Mapping[str, str], body: bytes) -> bytes:
        """The bytes to send: an endpoint is opaque, so its path and query go out as they came."""
        if self._policy.check_url(target.url) != target:
            raise WireFailure("refused", "The target was not made by this client's policy.")
        check_headers(headers.items())
        authority = target.origin.partition("://")[2]
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        head = (
            f"POST {target.path_and_query} HTTP/1.1\r\nHost: {authority}\r\n{lines}Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode("ascii") + body


class _NotConnected(Exception):
    """There is no connection, so nothing was sent."""

    def __init__(self, kind: FailureKind) -> None:
        super().__init__(kind)
        self.kind: FailureKind = kind


class Connection(asyncio.Protocol):
    """One exchange at a time. `is_open` tells whether it may be used again."""

    def __init__(self, on_lost: Callable[["Connection"], None]) -> None:
        self.is_open = False
        self.idle_since_s = 0.0
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Answer] | None = None
        self._reader = Http1Reader()

    async def post(self, request: bytes) -> Answer:
        """Sends a whole request and reads its answer. Raises `BrokenAnswer`; being cancelled closes the connection."""
        assert self._transport is not None
        if not self.is_open:
            raise BrokenAnswer("closed before it was used")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            return await self._answer
        except BaseException:
            self.close()
            raise
        finally:
            self._answer = None

    def close(self) -> None:
        """Ends it at once."""
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It may be used now."""
        self._transport = cast("asyncio.Transport", transport)
        self.is_open = True

    def connection_lost(self, exc: Exception | None) -> None:
        """An answer that lasts until the end has ended; any other is broken."""
        self.is_open = False
        if self._answer is not None and not self._answer.done():
            answer = self._reader.end() if exc is None else None
            if answer is not None:
                self._answer.set_result(answer)
            else:
                self._answer.set_exception(BrokenAnswer("the connection ended"))
        self._on_lost(self)

    def data_received(self, data: bytes) -> None:
        """Reads what there is of the answer."""
        if self._answer is None or self._answer.done():
            self.close()  # nobody asked
            return
        try:
            answer = self._reader.feed(data)
        except BrokenAnswer as broken:
            self._answer.set_exception(broken)
            self.close()
            return
        if answer is not None:
            self._answer.set_result(answer)
            if not self._reader.is_clean:
                self.close()


class _Pool:
    """Connections by place, the one used last first; at most `connections_max` in all."""

    def __init__(self, resolver: GuardedResolver, tls: ssl.SSLContext, connections_max: int) -> None:
        self._resolver = resolver
        self._tls = tls
        self._free = asyncio.Semaphore(connections_max)
        self._connections_max = connections_max
        self._idle: dict[_Place, deque[Connection]] = {}
        self._open: set[Connection] = set()
        self._connecting = 0
        self._addresses: dict[_Place, tuple[float, list[ResolveResult]]] = {}
        self._sweeping: asyncio.TimerHandle | None = None

    async def exchange(self, place: _Place, request: bytes) -> Answer:
        """One request and its answer over a connection that nobody else uses meanwhile."""
        async with self._free:
            connection = self._take_idle(place) or await self._connect(place)
            answer = await connection.post(request)
            if connection.is_open:
                connection.idle_since_s = asyncio.get_running_loop().time()
                self._idle.setdefault(place, deque()).append(connection)
                self._sweep_later()
            return answer

    async def aclose(self) -> None:
        """Closes all of them, and lets their ends be noticed."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        self._idle.clear()
        for connection in list(self._open):
            connection.close()
        await asyncio.sleep(0)

    def _take_idle(self, place: _Place) -> Connection | None:
        idle = self._idle.get(place)
        while idle:
            connection = idle.pop()
            if connection.is_open:
                return connection
        return None

    async def _connect(self, place: _Place) -> Connection:
        if len(self._open) + self._connecting >= self._connections_max:
            self._close_one_idle()
        self._connecting += 1
        try:
            connection = await self._connected(place)
        finally:
            self._connecting -= 1
        self._open.add(connection)
        return connection

    async def _connected(self, place: _Place) -> Connection:
        scheme, host, _ = place
        loop = asyncio.get_running_loop()
        addresses = await self._resolved(place)
        try:
            async with asyncio.timeout(CONNECT_DEADLINE_S):
                sock = await aiohappyeyeballs.start_connection(
                    [(one["family"], 1, one["proto"], "", (one["host"], one["port"])) for one in addresses],
                    happy_eyeballs_delay=_OTHER_FAMILY_AFTER_S,
                )
                _, connection = await loop.create_connection(
                    lambda: Connection(self._open.discard),
                    sock=sock,
                    ssl=self._tls if scheme == "https" else None,
                    server_hostname=host if scheme == "https" else None,
                )
        except (ssl.SSLError, ssl.CertificateError) as fault:
            raise _NotConnected("tls") from fault
        except OSError as fault:
            self._addresses.pop(place, None)
            raise _NotConnected("unreachable") from fault
        return connection

    async def _resolved(self, place: _Place) -> list[ResolveResult]:
        """Checked addresses, kept for half a minute."""
        now_s = asyncio.get_running_loop().time()
        kept = self._addresses.get(place)
        if kept is not None and now_s < kept[0]:
            return kept[1]
        try:
            found = await self._resolver.resolve(place[1], place[2])
        except OSError as fault:
            raise _NotConnected("unresolved") from fault
        self._addresses[place] = (now_s + DNS_KEPT_S, found)
        return found

    def _close_one_idle(self) -> None:
        """Makes room for another place: of all idle connections, the one of the place that was asked for first."""
        for idle in self._idle.values():
            while idle:
                connection = idle.popleft()
                if connection.is_open:
                    connection.close()
                    return

    def _sweep_later(self) -> None:
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().call_later(CONNECTION_IDLE_S / 2, self._sweep)

    def _sweep(self) -> None:
        """Closes what nobody used for a while, and forgets places without connections."""
        self._sweeping = None
        oldest_s = asyncio.get_running_loop().time() - CONNECTION_IDLE_S
        for place, idle in list(self._idle.items()):
            while idle and (not idle[0].is_open or idle[0].idle_since_s < oldest_s):
                idle.popleft().close()
            if not idle:
                del self._idle[place]
                self._addresses.pop(place, None)
        if self._idle:
            self._sweep_later()
