"""What a caller of the HTTP client gives and gets, whatever version of HTTP carries it.

Sources: RFC 9110 section 5 (field names and values), RFC 9113 section 8.1.4 (requests that were certainly not
processed).
"""

import functools
import re
from collections.abc import Hashable, Iterable, Mapping
from typing import Final, Literal

import msgspec

from gateway.model.limits import HEADER_NAMES_KEPT_MAX

FailureKind = Literal["refused", "unresolved", "unreachable", "tls", "timeout", "broken", "unprocessed"]
"""refused: by our own rules. timeout: the deadline passed. broken: the connection or the stream ended before the answer
did. unprocessed: the other side said that it did nothing with the request, each time it was sent."""

_NOT_SENT: Final[frozenset[FailureKind]] = frozenset({"refused", "unresolved", "unreachable", "tls", "unprocessed"})
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_FRAMING: Final = frozenset(
    {"connection", "content-length", "host", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"}
)
"""The client's own: they frame a request, and HTTP/2 forbids most (RFC 9113 section 8.2.2)."""


class Answer(msgspec.Struct, frozen=True):
    """What the other side said."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case; of repeated ones the last."""
    body: bytes
    """At most `ANSWER_BYTES_MAX` bytes; the rest was not read. Of a 2xx it is kept only where it was wanted."""


class WireFailure(Exception):
    """There is no answer. The text is for the log: it names the host, never the path."""

    def __init__(self, kind: FailureKind, sentence: str, *, is_unsent: bool | None = None) -> None:
        super().__init__(sentence)
        self.kind: FailureKind = kind
        self._is_unsent = kind in _NOT_SENT if is_unsent is None else is_unsent

    @property
    def is_unsent(self) -> bool:
        """Whether the other side certainly did nothing with the request, so that repeating it is safe.

        A timeout can be either: the deadline may pass while a request still waits for a connection.
        """
        return self._is_unsent


class Fields:
    """Request headers that many requests share: checked once, and encoded once per connection.

    Keep the object and use it again: connections know it by its identity.
    """

    __slots__ = ("list_bytes", "pairs")

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Raises `WireFailure` (refused) for names that are no tokens and values that are not printable ASCII."""
        self.pairs: Final[tuple[tuple[str, str], ...]] = tuple((name.lower(), value) for name, value in pairs)
        """Names in lower case, in the order given."""
        check_headers(self.pairs)
        self.list_bytes: Final = sum(len(name) + len(value) + 32 for name, value in self.pairs)
        """Their size as RFC 9113 section 6.5.2 counts it."""

    def __repr__(self) -> str:
        """Without values: one of them is a signature."""
        return f"Fields({[name for name, _ in self.pairs]})"


class TlsIdentity(msgspec.Struct, frozen=True):
    """A client certificate (with its chain) and its unencrypted key, both PEM."""

    certificate_pem: bytes
    key_pem: bytes

    def __repr__(self) -> str:
        """Without the key: such objects end up in tracebacks."""
        return "TlsIdentity()"


class Peer(msgspec.Struct, frozen=True):
    """On whose behalf requests are made: those of different peers never share a connection."""

    key: Hashable = None
    identity: TlsIdentity | None = None
    is_one_first: bool = False
    """A new connection carries one request until that is answered: services that count on it allow no more."""


ANYONE: Final = Peer()
"""For requests that may share connections with everybody else's."""


def check_headers(pairs: Iterable[tuple[str, str]]) -> None:
    """Nothing, if names are tokens, values printable ASCII (RFC 9110 section 5) and none frames the request.

    Raises:
        WireFailure: refused; it names the header, not its value.
    """
    for name, value in pairs:
        if not is_printable(value) or not is_token(name):
            raise WireFailure("refused", f"The header {name!r} holds a character that headers cannot carry.")
        if name.lower() in _FRAMING:
            raise WireFailure("refused", f"The header {name!r} is the client's own.")


def is_printable(value: str) -> bool:
    """Whether a field may have this value, as far as we send any: printable ASCII."""
    return value.isascii() and value.isprintable()


@functools.lru_cache(HEADER_NAMES_KEPT_MAX)
def is_token(name: str) -> bool:
    """Whether a field may have this name. Kept, because a program sends few different names and many requests."""
    return _HEADER_NAME.fullmatch(name) is not None
