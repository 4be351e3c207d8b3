"""Reads the headers of answers on HTTP/2 connections that keep no table for them.

We announce a header table of size 0, so that each block stands for itself: the same bytes always mean the same, and
what was read once is kept. The status is read from the first bytes. Sources: RFC 7541 (HPACK) sections 4.2 and 6,
RFC 9113 sections 8.2 and 8.3.2 (what makes an answer malformed).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from hpack import Decoder
from hpack.exceptions import HPACKError, OversizedHeaderListError
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH

from gateway.model.limits import HEADER_BLOCK_BYTES_MAX, HEADER_BLOCKS_KEPT_MAX, RESPONSE_HEADERS_MAX
from gateway.wire.exchange import Answer
from gateway.wire.http2_frames import ConnectionFault, ErrorCode, StreamFault
from gateway.wire.http2_requests import encode_string

_NO_TABLE: Final = b"\x20"
"""What the first block says after our settings: the table has size 0 (RFC 7541 section 4.2)."""
_STATUS_FROM: Final = 0x88
_STATUSES: Final = (200, 204, 206, 304, 400, 404, 500)
"""Each with its value in the static table: one byte."""
_STATUS_LITERALS: Final = (0x08, 0x18, 0x48)
"""The name from the static table; the value follows."""
_HUFFMAN: Final = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)
_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+")
_VALUE: Final = re.compile(rb"[^\x00\r\n]*")
_VALUES: Final = {encode_string(b"%d" % status): status for status in range(200, 600)} | {
    bytes([0x80 | len(coded)]) + coded: status
    for status in range(200, 600)
    if (coded := _HUFFMAN.encode(b"%d" % status))
}
"""The values of :status that are not in the static table, plain and Huffman-coded."""
_STATUS: Final = re.compile(rb"[1-9][0-9]{2}")
_FORBIDDEN: Final = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"})


class AnswerReader:
    """The answers of one connection by their header blocks; their bodies are empty."""

    def __init__(self) -> None:
        self.kept: dict[bytes, Answer] = {}
        """Look here first: most answers of a second are the same."""

    def read(self, block: bytes) -> Answer:
        """The answer that begins with this block. Headers of a 2xx are decoded when somebody asks for one.

        Raises:
            StreamFault: it is no answer.
            ConnectionFault: it cannot be decoded.
        """
        status = _quick_status(block)
        if status is not None and 200 <= status < 300:  # noqa: PLR2004 - RFC 9110 section 15.3
            answer = Answer(status, _LateHeaders(block), b"")
        else:
            answer = Answer(*decode_answer(block), b"")
        if len(self.kept) >= HEADER_BLOCKS_KEPT_MAX:
            self.kept.clear()
        self.kept[block] = answer
        return answer


class _LateHeaders(Mapping[str, str]):
    """Headers that are decoded when the first of them is asked for; a block that means nothing has none."""

    __slots__ = ("_block", "_found")

    def __init__(self, block: bytes) -> None:
        self._block = block
        self._found: dict[str, str] | None = None

    def __getitem__(self, name: str) -> str:
        return self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def _all(self) -> dict[str, str]:
        if self._found is None:
            try:
                self._found = decode_answer(self._block)[1]
            except (StreamFault, ConnectionFault):
                self._found = {}
            self._block = b""
        return self._found


def decode_answer(block: bytes) -> tuple[int, dict[str, str]]:
    """Status and headers; of repeated ones the last.

    Raises:
        StreamFault: it is no answer, or too large.
        ConnectionFault: it cannot be decoded.
    """
    (name, status), *fields = _decoded(block) or [(b"", b"")]
    if name != b":status" or _STATUS.fullmatch(status) is None:
        raise StreamFault("it has no status")
    if len(fields) > RESPONSE_HEADERS_MAX:
        raise StreamFault("it has too many headers")
    return int(status), dict(map(_field, fields))


def check_trailers(block: bytes) -> None:
    """Nothing, if headers may follow a body like this; they mean nothing to us.

    Raises:
        StreamFault: they may not, or are too large.
        ConnectionFault: they cannot be decoded.
    """
    for field in _decoded(block):
        _field(field)


def _decoded(block: bytes) -> list[tuple[bytes, bytes]]:
    decoder = Decoder(HEADER_BLOCK_BYTES_MAX)
    decoder.header_table_size = decoder.max_allowed_table_size = 0
    try:
        return [(bytes(pair[0]), bytes(pair[1])) for pair in decoder.decode(block, raw=True)]
    except OversizedHeaderListError:
        raise StreamFault("its headers are too large") from None
    except (HPACKError, IndexError):
        raise ConnectionFault(ErrorCode.COMPRESSION_ERROR, "headers that cannot be decoded") from None


def _field(pair: tuple[bytes, bytes]) -> tuple[str, str]:
    name, value = pair
    if _NAME.fullmatch(name) is None or _VALUE.fullmatch(value) is None or name in _FORBIDDEN:
        raise StreamFault("it has a header that answers cannot have")
    return name.decode("ascii"), value.decode("latin-1").strip(" \t")


def _quick_status(block: bytes) -> int | None:
    """The status where it stands plainly at the start, as it does in nearly all answers."""
    start = 1 if block[:1] == _NO_TABLE else 0
    if len(block) <= start:
        return None
    first = block[start]
    if _STATUS_FROM <= first < _STATUS_FROM + len(_STATUSES):
        return _STATUSES[first - _STATUS_FROM]
    if first not in _STATUS_LITERALS or len(block) == start + 1:
        return None
    return _VALUES.get(block[start + 1 : start + 2 + (block[start + 1] & 0x7F)])
