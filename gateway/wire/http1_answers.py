"""Reads answers of HTTP/1.1 within bounds.

Sources: RFC 9112 (HTTP/1.1), RFC 9110 section 15.2 (interim answers). Strict where parsers disagree: folded header
lines, two lengths, a length beside a transfer coding, and codings other than chunked break the connection. What is
read of a body is bounded by `ANSWER_BYTES_MAX`; a longer one is cut and its connection closed.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal

from gateway.model.limits import ANSWER_BYTES_MAX, INTERIM_ANSWERS_MAX, RESPONSE_HEADERS_MAX
from gateway.wire.exchange import Answer

_HEAD_BYTES_MAX: Final = 32 * 1024
_LINE_BYTES_MAX: Final = 1024
_CHUNKS_MAX: Final = 256
_END: Final = b"\r\n\r\n"
_STATUS: Final = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [^\r\n]*)?")
_FIELD: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\x00]*)")
_LENGTH: Final = re.compile(r"[0-9]{1,15}", re.ASCII)
_CHUNK: Final = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;.*)?")
_NO_BODY: Final = (204, 304)

Body = Literal["length", "chunked", "until_close"]


class BrokenAnswer(ConnectionError):
    """The connection ended before the answer did, or what came is no answer. The text holds nothing of what came."""


class Http1Reader:
    """Reads one answer after the other from the bytes of a connection."""

    def __init__(self) -> None:
        self._buffer = b""
        self._interim = 0
        self._head: tuple[int, dict[str, str], Body, int] | None = None
        self._keeps = True
        self._answer: Answer | None = None
        self.is_clean = True
        """After an answer: whether the connection can carry another."""

    def feed(self, data: bytes) -> Answer | None:
        """The answer, once it is whole. Raises `BrokenAnswer`."""
        self._buffer = self._buffer + data if self._buffer else data
        self._read()
        return self._take()

    def end(self) -> Answer | None:
        """The answer that lasts until its connection ends, if there is one."""
        if self._head is not None and self._head[2] == "until_close":
            self._succeed(self._buffer)
        return self._take()

    def _take(self) -> Answer | None:
        answer, self._answer = self._answer, None
        if answer is not None:
            self._interim, self._head, self._buffer = 0, None, b""
        return answer

    def _read(self) -> None:
        while self._head is None:
            end = self._buffer.find(_END)
            if end < 0:
                if len(self._buffer) > _HEAD_BYTES_MAX:
                    raise BrokenAnswer("its head is too long")
                return
            if end > _HEAD_BYTES_MAX:
                raise BrokenAnswer("its head is too long")
            head, self._buffer = self._buffer[:end], self._buffer[end + len(_END) :]
            self._take_head(head)
        self._take_body(self._head[2], self._head[3])

    def _take_head(self, head: bytes) -> None:
        first, *lines = head.split(b"\r\n")
        status_line = _STATUS.fullmatch(first)
        if status_line is None or len(lines) > RESPONSE_HEADERS_MAX:
            raise BrokenAnswer("it does not begin as an answer does, or has too many lines")
        status = int(status_line[2])
        if status < 200:  # noqa: PLR2004 - interim answers come before the real one
            self._interim += 1
            if status == 101 or self._interim > INTERIM_ANSWERS_MAX:  # noqa: PLR2004 - nobody asked for another protocol
                raise BrokenAnswer("it is interim without end")
            return
        headers = _headers(lines)
        self._keeps = status_line[1] == b"1" and "close" not in headers.get("connection", "").lower()
        self._head = (status, headers, *_framing(status, headers))

    def _take_body(self, framing: Body, length: int) -> None:
        if framing == "chunked":
            self._take_chunks()
        elif len(self._buffer) > ANSWER_BYTES_MAX:
            self._cut(self._buffer)
        elif framing == "length" and len(self._buffer) >= length:
            body, rest = self._buffer[:length], self._buffer[length:]
            self._finish(body, rest)

    def _take_chunks(self) -> None:
        """Reads from the start each time: more than 4 KiB and its framing never lie here."""
        body, place = b"", 0
        for _ in range(_CHUNKS_MAX):
            end = self._buffer.find(b"\r\n", place)
            if end < 0:
                if len(self._buffer) - place > _LINE_BYTES_MAX:
                    raise BrokenAnswer("a chunk has no size")
                return
            size = _CHUNK.fullmatch(self._buffer[place:end])
            if size is None or end - place > _LINE_BYTES_MAX:
                raise BrokenAnswer("a chunk has no size")
            length, start = int(size[1], 16), end + 2
            if not length:
                self._take_trailer(body, start)
                return
            body += self._buffer[start : start + length]
            if len(body) > ANSWER_BYTES_MAX or len(self._buffer) > _HEAD_BYTES_MAX:
                self._cut(body)
                return
            place = start + length + 2
            if len(self._buffer) < place:
                return
            if self._buffer[place - 2 : place] != b"\r\n":
                raise BrokenAnswer("a chunk is longer than it said")
        self._cut(body)

    def _take_trailer(self, body: bytes, start: int) -> None:
        """Trailers mean nothing to us; a connection that sends some is not worth keeping."""
        if self._buffer.startswith(b"\r\n", start):
            self._finish(body, self._buffer[start + 2 :])
        elif len(self._buffer) > start + 1:
            self._cut(body)

    def _cut(self, body: bytes) -> None:
        self._succeed(body)
        self.is_clean = False

    def _finish(self, body: bytes, rest: bytes) -> None:
        self._succeed(body)
        self.is_clean = self._keeps and not rest

    def _succeed(self, body: bytes) -> None:
        assert self._head is not None
        status, headers, *_ = self._head
        self._answer = Answer(status, headers, body[:ANSWER_BYTES_MAX])


def _headers(lines: list[bytes]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None:
            raise BrokenAnswer("a line of its head is no header")
        name, value = field[1].decode("ascii").lower(), field[2].rstrip(b" \t").decode("latin-1")
        if name in ("content-length", "transfer-encoding") and found.get(name, value) != value:
            raise BrokenAnswer("it gives its length twice")
        found[name] = value
    return found


def _framing(status: int, headers: Mapping[str, str]) -> tuple[Body, int]:
    """How the body ends, and its length where that is known (RFC 9112 section 6.3)."""
    length, coding = headers.get("content-length"), headers.get("transfer-encoding")
    if status in _NO_BODY:
        return "length", 0
    if coding is not None:
        if length is not None or coding.lower() != "chunked":
            raise BrokenAnswer("its length is ambiguous")
        return "chunked", 0
    if length is None:
        return "until_close", 0
    if _LENGTH.fullmatch(length) is None:
        raise BrokenAnswer("its length is no number")
    return "length", int(length)
