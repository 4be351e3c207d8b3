"""Encodes the headers of requests for one HTTP/2 connection: one byte each for those that many requests share.

Sources: RFC 7541 (HPACK), RFC 9113 section 8.3.1 (pseudo-headers, which come first: Go refuses them elsewhere).
`Fields` enter the other side's dynamic table once; this file keeps the mirror of that table. What belongs to one
request only is a never-indexed literal: a path can be a secret that proxies must not learn either (section 7.1.3).
Strings are not Huffman-coded: that saves a few bytes on the wire and costs more than the whole rest of a request.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final

from hpack.table import HeaderTable

from gateway.model.limits import (
    CONTENT_LENGTHS_KEPT_MAX,
    FIELDS_KEPT_MAX,
    HEADER_NAMES_KEPT_MAX,
    HEADER_TABLE_BYTES_MAX,
)
from gateway.wire.exchange import Fields, WireFailure, check_headers, is_printable

Pair = tuple[bytes, bytes]

TABLE_BYTES: Final = 4_096
"""The other side's table before its settings say otherwise (RFC 9113 section 6.5.2)."""
_ENTRY_BYTES: Final = 32
"""What an entry counts besides its octets (section 4.1)."""
_INDEXED: Final = 0x80
_INDEXING: Final = 0x40
_UPDATE: Final = 0x20
_NEVER_INDEXED: Final = 0x10
_PLAIN: Final = 0x00
"""First bits of a representation (section 6)."""
_POST: Final = b"\x83"
_HTTPS: Final = b"\x87"
_PATH: Final = b"\x14"
"""Never-indexed literal, with the name that stands fourth in the static table."""
_CONTENT_LENGTH: Final = b"\x0f\x0d"
"""Literal without indexing, name 28: 15 in the prefix, 13 after it."""
_LIST_BYTES: Final = sum(map(len, (":method", "POST", ":scheme", "https", ":authority", ":path", "content-length")))
_LIST_BYTES_REST: Final = 5 * 32 + 10
"""What each of these five counts besides, and the longest content-length."""

_STATIC: Final[dict[Pair, int]] = {}
_STATIC_NAMES: Final[dict[bytes, int]] = {}
for _index, _pair in enumerate(HeaderTable.STATIC_TABLE, 1):
    _STATIC[_pair] = _index
    _STATIC_NAMES.setdefault(_pair[0], _index)
_DYNAMIC_FROM: Final = len(HeaderTable.STATIC_TABLE) + 1


def encode_integer(value: int, bits: int, first: int) -> bytes:
    """An integer with a prefix of so many bits, the higher bits of the first byte being `first` (section 5.1)."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([first | value])
    encoded = bytearray([first | most])
    value -= most
    while value >= 0x80:  # noqa: PLR2004 - seven bits a byte
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def encode_string(text: bytes) -> bytes:
    """A string, not Huffman-coded (section 5.2)."""
    return encode_integer(len(text), 7, 0) + text


_LEADS: Final = [encode_integer(length, 7, 0) for length in range(1_024)]
"""The beginnings of strings."""


class RequestEncoder:
    """The header blocks of one connection, in the order in which they are sent: each that was made must be."""

    def __init__(self, authority: str) -> None:
        self._authority = (b":authority", authority.encode("ascii"))
        self._table = _Mirror(TABLE_BYTES)
        self._size_least: int | None = None
        self._head: bytes | None = None
        self._kept: dict[Fields, bytes] = {}
        self._names: dict[str, bytes] = {}
        self._lengths: dict[int, bytes] = {}
        self.list_bytes_max: int | None = None
        """What the other side said that it takes (RFC 9113 section 6.5.2); None: it said nothing."""

    def resize(self, bytes_max: int) -> None:
        """The other side's table holds so many bytes from now on. The next block tells how many of them we use."""
        size = min(bytes_max, HEADER_TABLE_BYTES_MAX)
        if size == self._table.bytes_max:
            return
        self._size_least = size if self._size_least is None else min(self._size_least, size)
        self._table.resize(size)
        self._forget()

    def block(self, path: str, fixed: Fields, own: Sequence[tuple[str, str]], body_bytes: int) -> bytes:
        """The header block of one POST. `path` holds printable ASCII.

        Raises:
            WireFailure: refused, for headers that cannot be sent; then nothing has changed.
        """
        if self.list_bytes_max is not None:
            self._check_size(path, fixed, own)
        last = b"".join([self._own(name, value) for name, value in own]) if own else b""
        head = self._head or self._new_head()
        octets = path.encode("ascii")
        shared = self._kept.get(fixed) or self._new_shared(fixed)
        length = self._lengths.get(body_bytes) or self._new_length(body_bytes)
        return b"".join((head, _PATH, _string_lead(len(octets)), octets, shared, last, length))

    def _new_head(self) -> bytes:
        """Method, scheme and authority, behind what there is to say about the table."""
        updates, added = self._updates(), self._table.added
        head = _POST + _HTTPS + self._pair(self._authority)
        if self._table.added == added:
            self._head = head
        return updates + head

    def _updates(self) -> bytes:
        """The smallest size since the last block and the present one (RFC 7541 section 4.2)."""
        least, size = self._size_least, self._table.bytes_max
        self._size_least = None
        if least is None:
            return b""
        last = encode_integer(size, 5, _UPDATE)
        return encode_integer(least, 5, _UPDATE) + last if least < size else last

    def _new_shared(self, fixed: Fields) -> bytes:
        """Kept only when it changed nothing: then it means the same the next time."""
        added = self._table.added
        block = b"".join([self._pair((name.encode(), value.encode())) for name, value in fixed.pairs])
        if self._table.added == added:
            if len(self._kept) >= FIELDS_KEPT_MAX:
                self._kept.clear()
            self._kept[fixed] = block
        return block

    def _pair(self, pair: Pair) -> bytes:
        index = _STATIC.get(pair) or self._table.index(pair)
        if index is not None:
            return encode_integer(index, 7, _INDEXED)
        if not self._table.add(pair):
            return _name(pair[0], 4, _PLAIN) + encode_string(pair[1])
        self._forget()
        return _name(pair[0], 6, _INDEXING) + encode_string(pair[1])

    def _forget(self) -> None:
        """Each addition moves the index of everything before it."""
        self._head = None
        self._kept.clear()

    def _own(self, name: str, value: str) -> bytes:
        lead = self._names.get(name) or self._new_name(name)
        if not is_printable(value):
            check_headers([(name, value)])
        octets = value.encode("ascii")
        return lead + _string_lead(len(octets)) + octets

    def _new_name(self, name: str) -> bytes:
        check_headers([(name, "")])
        if len(self._names) >= HEADER_NAMES_KEPT_MAX:
            self._names.clear()
        lead = self._names[name] = _name(name.lower().encode(), 4, _NEVER_INDEXED)
        return lead

    def _new_length(self, body_bytes: int) -> bytes:
        if len(self._lengths) >= CONTENT_LENGTHS_KEPT_MAX:
            self._lengths.clear()
        length = self._lengths[body_bytes] = _CONTENT_LENGTH + encode_string(b"%d" % body_bytes)
        return length

    def _check_size(self, path: str, fixed: Fields, own: Sequence[tuple[str, str]]) -> None:
        assert self.list_bytes_max is not None
        shared = _LIST_BYTES + _LIST_BYTES_REST + len(self._authority[1]) + len(path) + fixed.list_bytes
        size = shared + sum(len(name) + len(value) + _ENTRY_BYTES for name, value in own)
        if size > self.list_bytes_max:
            raise WireFailure("refused", f"The headers have {size} bytes; the other side takes {self.list_bytes_max}.")


class _Mirror:
    """The other side's dynamic table, as it looks after all blocks so far (RFC 7541 sections 2.3.2 and 4)."""

    def __init__(self, bytes_max: int) -> None:
        self.bytes_max = bytes_max
        self.added = 0
        self._bytes = 0
        self._oldest_first: deque[Pair] = deque()
        self._numbers: dict[Pair, int] = {}

    def index(self, pair: Pair) -> int | None:
        """Where the other side finds it now."""
        number = self._numbers.get(pair)
        return None if number is None else _DYNAMIC_FROM + self.added - 1 - number

    def add(self, pair: Pair) -> bool:
        """Adds it, unless it is there for itself alone: that would drive all others out."""
        size = _size_of(pair)
        if size > self.bytes_max * 3 // 4:
            return False
        self._shrink_to(self.bytes_max - size)
        self._oldest_first.append(pair)
        self._numbers[pair] = self.added
        self.added += 1
        self._bytes += size
        return True

    def resize(self, bytes_max: int) -> None:
        self.bytes_max = bytes_max
        self._shrink_to(bytes_max)

    def _shrink_to(self, bytes_max: int) -> None:
        while self._bytes > bytes_max:
            pair = self._oldest_first.popleft()
            del self._numbers[pair]
            self._bytes -= _size_of(pair)


def _size_of(pair: Pair) -> int:
    return len(pair[0]) + len(pair[1]) + _ENTRY_BYTES


def _name(name: bytes, bits: int, first: int) -> bytes:
    """The beginning of a literal: the static index of its name, or the name itself."""
    index = _STATIC_NAMES.get(name)
    return bytes([first]) + encode_string(name) if index is None else encode_integer(index, bits, first)


def _string_lead(length: int) -> bytes:
    return _LEADS[length] if length < len(_LEADS) else encode_integer(length, 7, 0)
