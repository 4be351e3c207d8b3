"""Opens a connection to a place: checked addresses, TCP, TLS, and the version of HTTP that both sides speak.

Sources: RFC 8305 (two address families), RFC 7301 (ALPN), RFC 9113 section 3.3. A target of http:// is spoken to in
HTTP/1.1: there is no negotiation without TLS.
"""

import asyncio
import os
import ssl
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final, cast

import aiohappyeyeballs
import msgspec
from aiohttp.abc import ResolveResult

from gateway.model.limits import CONNECT_DEADLINE_S, DNS_KEPT_S, EGRESS_ORIGINS_KEPT_MAX, TLS_CONTEXTS_KEPT_MAX
from gateway.wire.egress import EgressPolicy, EgressRefused, GuardedResolver, Lookup, Target, ssl_context
from gateway.wire.exchange import FailureKind, Peer, TlsIdentity
from gateway.wire.http1_connection import Http1Connection
from gateway.wire.http2_connection import Http2Connection
from gateway.wire.request import Owner

_PROTOCOLS: Final = ["h2", "http/1.1"]
_OTHER_FAMILY_AFTER_S: Final = 0.25
"""RFC 8305 section 5."""


class Place(msgspec.Struct, frozen=True):
    """Where connections go and for whom: what they may be shared for."""

    scheme: str
    host: str
    port: int
    authority: str
    peer: Peer

    @staticmethod
    def of(target: Target, peer: Peer) -> "Place":
        """The place of a target."""
        return Place(target.scheme, target.host, target.port, target.origin.partition("://")[2], peer)


class NotConnected(Exception):
    """There is no connection, so nothing was sent. The text holds nothing of what came."""

    def __init__(self, kind: FailureKind, sentence: str) -> None:
        super().__init__(sentence)
        self.kind: FailureKind = kind


class Dialler:
    """Opens connections, and remembers addresses and TLS contexts for the next ones."""

    def __init__(self, policy: EgressPolicy, *, lookup: Lookup | None = None) -> None:
        self._policy = policy
        self._resolver = GuardedResolver(policy, lookup=lookup)
        self._contexts: dict[TlsIdentity | None, ssl.SSLContext] = {None: _context(policy, None)}
        self._addresses: dict[tuple[str, int], tuple[float, list[ResolveResult]]] = {}

    async def connect(self, place: Place, owner: Owner) -> Http1Connection | Http2Connection:
        """A connection that takes requests.

        Raises:
            NotConnected: there is none; `kind` says why.
        """
        try:
            async with asyncio.timeout(CONNECT_DEADLINE_S):
                addresses = await self._resolved(place)
        except EgressRefused as refused:
            # A name server that is wrong for a minute must not end messages: what leads inside is waited for.
            raise NotConnected("unresolved" if refused.rule == "address" else "refused", str(refused)) from refused
        except OSError as fault:
            raise NotConnected("unresolved", type(fault).__name__) from fault
        try:
            async with asyncio.timeout(CONNECT_DEADLINE_S):
                return await self._connected(place, owner, addresses)
        except (ssl.SSLError, ssl.CertificateError) as fault:
            raise NotConnected("tls", type(fault).__name__) from fault
        except OSError as fault:
            self._addresses.pop((place.host, place.port), None)
            raise NotConnected("unreachable", type(fault).__name__) from fault

    async def _resolved(self, place: Place) -> list[ResolveResult]:
        """Checked addresses, kept for half a minute."""
        key, now_s = (place.host, place.port), asyncio.get_running_loop().time()
        kept = self._addresses.get(key)
        if kept is not None and now_s < kept[0]:
            return kept[1]
        found = await self._resolver.resolve(place.host, place.port)
        if len(self._addresses) >= EGRESS_ORIGINS_KEPT_MAX:
            self._addresses.clear()
        self._addresses[key] = (now_s + DNS_KEPT_S, found)
        return found

    async def _connected(
        self, place: Place, owner: Owner, addresses: list[ResolveResult]
    ) -> Http1Connection | Http2Connection:
        sock = await aiohappyeyeballs.start_connection(
            [(one["family"], 1, one["proto"], "", (one["host"], one["port"])) for one in addresses],
            happy_eyeballs_delay=_OTHER_FAMILY_AFTER_S,
        )
        is_secure = place.scheme == "https"
        transport, chooser = await asyncio.get_running_loop().create_connection(
            lambda: _Chooser(lambda is_http2: _connection(place, owner, is_http2=is_http2)),
            sock=sock,
            ssl=self._context(place.peer.identity) if is_secure else None,
            server_hostname=place.host if is_secure else None,
        )
        connection = chooser.chosen
        assert connection is not None
        try:
            await connection.ready
        except BaseException:
            transport.abort()
            raise
        if connection.has_ended:  # of TLS 1.3, a refused client certificate is heard of only now
            raise connection.fault or ConnectionResetError
        return connection

    def _context(self, identity: TlsIdentity | None) -> ssl.SSLContext:
        context = self._contexts.get(identity)
        if context is None:
            if len(self._contexts) >= TLS_CONTEXTS_KEPT_MAX:
                self._contexts = {None: self._contexts[None]}
            context = self._contexts[identity] = _context(self._policy, identity)
        return context


class _Chooser(asyncio.Protocol):
    """Stands in until TLS has said which protocol it is, and hands over before a byte of it is read."""

    def __init__(self, choose: Callable[[bool], Http1Connection | Http2Connection]) -> None:
        self._choose = choose
        self.chosen: Http1Connection | Http2Connection | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Only now the handshake is over."""
        tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        self.chosen = self._choose(tls is not None and tls.selected_alpn_protocol() == "h2")
        cast("asyncio.Transport", transport).set_protocol(self.chosen)
        self.chosen.connection_made(transport)


def _connection(place: Place, owner: Owner, *, is_http2: bool) -> Http1Connection | Http2Connection:
    if is_http2:
        return Http2Connection(owner, place.authority, is_one_first=place.peer.is_one_first)
    return Http1Connection(owner, place.authority)


def _context(policy: EgressPolicy, identity: TlsIdentity | None) -> ssl.SSLContext:
    """Raises `NotConnected` for a certificate and key that do not belong together, or are none."""
    context = ssl_context(policy)
    context.set_alpn_protocols(_PROTOCOLS)
    if identity is not None:
        _load(context, identity)
    return context


def _load(context: ssl.SSLContext, identity: TlsIdentity) -> None:
    """By way of a file, because `ssl` takes nothing else: ours alone, and gone before this returns."""
    descriptor, name = tempfile.mkstemp(suffix=".pem")  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(identity.certificate_pem.rstrip() + b"\n" + identity.key_pem)
        context.load_cert_chain(name, password=_no_password)
    except (ssl.SSLError, ValueError) as fault:
        raise NotConnected("tls", "the client certificate or its key cannot be used") from fault
    finally:
        Path(name).unlink()


def _no_password() -> bytes:
    """Asked for only if the key is encrypted; OpenSSL would ask the terminal otherwise."""
    return b""
