"""One POST over a pooled HTTP/1.1 connection: the only HTTP client that the package constructs.

Built on aiohttp, with everything off that a push service could use against us: no redirects (they would carry
the body and our signature elsewhere), no cookies, no proxy from the environment, no decompression, no
unbounded body, one deadline over all of it. Where to connect is decided in `egress`.
"""

import asyncio
import functools
import re
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Literal, Self

import aiohttp
import msgspec
from yarl import URL

from gateway.model.limits import (
    ANSWER_BYTES_MAX,
    CONNECT_DEADLINE_S,
    CONNECTION_IDLE_S,
    DNS_KEPT_S,
    HEADER_NAMES_KEPT_MAX,
    RESPONSE_HEADERS_MAX,
    SEND_DEADLINE_S,
)
from gateway.wire.egress import EgressPolicy, EgressRefused, GuardedResolver, Lookup, Target, ssl_context

FailureKind = Literal["refused", "unresolved", "unreachable", "tls", "timeout", "broken"]
"""refused: by our own rules. timeout: the deadline passed. broken: the connection ended before the answer did."""

_NOT_SENT: Final[frozenset[FailureKind]] = frozenset({"refused", "unresolved", "unreachable", "tls"})
_NOT_OURS: Final = frozenset({"Accept", "Accept-Encoding", "Content-Type", "User-Agent"})
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)


class Answer(msgspec.Struct, frozen=True):
    """What the other side said."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case; of repeated ones the last."""
    body: bytes
    """At most `ANSWER_BYTES_MAX` bytes; the rest was not read and its connection closed."""


class WireFailure(Exception):
    """There is no answer. The text is for the log: it names the host, never the path."""

    def __init__(self, kind: FailureKind, sentence: str) -> None:
        super().__init__(sentence)
        self.kind: FailureKind = kind

    @property
    def is_unsent(self) -> bool:
        """Whether the other side certainly saw nothing of the request, so that repeating it is safe."""
        return self.kind in _NOT_SENT


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
        connector = aiohttp.TCPConnector(
            limit=connections_max,
            resolver=GuardedResolver(policy, lookup=lookup),
            ssl=ssl_context(policy),
            ttl_dns_cache=DNS_KEPT_S,
            keepalive_timeout=CONNECTION_IDLE_S,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=_NOT_OURS,
            auto_decompress=False,
            trust_env=False,
            requote_redirect_url=False,
            # The deadline over everything is ours, see post(): one timer a request instead of several.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_DEADLINE_S),
            max_headers=RESPONSE_HEADERS_MAX,
        )

    async def post(
        self, target: Target, headers: Mapping[str, str], body: bytes, *, deadline_s: float | None = None
    ) -> Answer:
        """The answer to one POST, whatever its status; a redirect is an answer like any other.

        `deadline_s` covers waiting for a free connection, connecting, sending and the whole answer.

        Raises:
            WireFailure: there was no whole answer; `kind` says why.
        """
        try:
            url = self._checked_url(target, headers)
            async with asyncio.timeout(self._deadline_s if deadline_s is None else deadline_s):
                return await self._exchange(url, headers, body)
        except EgressRefused as refused:
            raise WireFailure("refused", str(refused)) from refused
        except (OSError, aiohttp.ClientError) as error:
            raise _failure(error, target.host) from error

    async def aclose(self) -> None:
        """Closes every connection."""
        await self._session.close()

    async def __aenter__(self) -> Self:
        """The client itself."""
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Closes every connection."""
        await self.aclose()

    def _checked_url(self, target: Target, headers: Mapping[str, str]) -> URL:
        """The URL to ask aiohttp for: checked again here, since aiohttp asks no resolver about IP literals."""
        checked = self._policy.check_url(target.url)
        if checked != target:
            raise WireFailure("refused", "The target was not made by this client's policy.")
        check_headers(headers)
        # encoded=True: an endpoint is opaque, aiohttp must not normalise its path or its query.
        return URL(checked.origin + checked.path_and_query, encoded=True)

    async def _exchange(self, url: URL, headers: Mapping[str, str], body: bytes) -> Answer:
        async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as response:
            text = await _capped(response)
            return Answer(response.status, {name.lower(): value for name, value in response.headers.items()}, text)


def check_headers(headers: Mapping[str, str]) -> None:
    """Nothing, if names are tokens and values printable ASCII (RFC 9110 section 5): no line can be smuggled in.

    Raises:
        WireFailure: refused; it names the header, not its value.
    """
    if _is_printable("".join(headers.values())) and all(map(_is_token, headers)):
        return
    unfit = next(name for name, value in headers.items() if not (_is_printable(value) and _is_token(name)))
    raise WireFailure("refused", f"The header {unfit!r} holds a character that headers cannot carry.")


def _is_printable(value: str) -> bool:
    return value.isascii() and value.isprintable()


@functools.lru_cache(HEADER_NAMES_KEPT_MAX)
def _is_token(name: str) -> bool:
    """Kept, because a program sends few different names and many requests."""
    return _HEADER_NAME.fullmatch(name) is not None


async def _capped(response: aiohttp.ClientResponse) -> bytes:
    """The body, or its first `ANSWER_BYTES_MAX` bytes: aiohttp closes a connection with an unread rest."""
    content = response.content
    body = b""
    while not content.at_eof() and len(body) <= ANSWER_BYTES_MAX:
        body += await content.read(ANSWER_BYTES_MAX + 1 - len(body))
    return body[:ANSWER_BYTES_MAX]


def _failure(error: Exception, host: str) -> WireFailure:
    return WireFailure(_kind_of(error), f"{host}: {type(error).__name__}")


def _kind_of(error: Exception) -> FailureKind:
    """The order matters: several of aiohttp's errors are subclasses of those below them."""
    match error:
        case aiohttp.ClientConnectorDNSError():
            return "unresolved"
        case aiohttp.ClientSSLError() | aiohttp.ServerFingerprintMismatch():
            return "tls"
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError():
            return "unreachable"
        case TimeoutError():
            return "timeout"
        case _:
            return "broken"
