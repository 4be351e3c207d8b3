"""Cuts what comes in on one HTTP/2 connection into frames, and puts header blocks together.

Source: RFC 9113 sections 3.4 (settings come first), 4.1 (frames), 4.3 (nothing interrupts headers), 6.10
(CONTINUATION; floods of it are CVE-2024-27316 and its like).
"""

from collections.abc import Callable, Mapping
from typing import Final

from gateway.model.limits import HEADER_BLOCK_BYTES_MAX, HEADER_BLOCK_FRAMES_MAX
from gateway.wire import http2_frames as h2
from gateway.wire.exchange import Answer
from gateway.wire.http2_frames import ConnectionFault, ErrorCode
from gateway.wire.request import Request

Handler = Callable[[int, int, bytes], None]
"""Takes flags, stream id and payload of a frame."""
BlockHandler = Callable[[int, bytes, bool], None]
"""Takes stream id, header block, and whether the stream ends with it."""

_WHOLE: Final = h2.END_HEADERS | h2.END_STREAM
_HEAD_BYTES: Final = h2.FRAME_HEAD_BYTES
_HEADERS: Final = h2.HEADERS
_STREAM_ID_MAX: Final = h2.STREAM_ID_MAX
_unpack_head: Final = h2.unpack_head
_PRIORITY_BYTES: Final = 5
_REAL: Final = 200
"""Answers below are interim (RFC 9110 section 15.2)."""


class _Block:
    """A header block that comes in several frames."""

    __slots__ = ("ends_stream", "fragments", "size_bytes", "stream_id")

    def __init__(self, stream_id: int, flags: int, fragment: bytes) -> None:
        self.stream_id = stream_id
        self.ends_stream = bool(flags & h2.END_STREAM)
        self.fragments = [fragment]
        self.size_bytes = len(fragment)


class Inlet:
    """Feeds handlers with whole frames, whatever pieces they come in."""

    def __init__(
        self,
        streams: dict[int, Request],
        kept: Mapping[bytes, Answer],
        handlers: Mapping[int, Handler],
        *,
        on_block: BlockHandler,
        on_needless: Callable[[], None],
    ) -> None:
        """`streams` and `kept` are looked at for the short way of usual answers, `handlers` are by type of frame."""
        self._streams = streams
        self._kept = kept
        self._on_block = on_block
        self._on_needless = on_needless
        own = {
            h2.HEADERS: self._begin_block,
            h2.CONTINUATION: self._continue_block,
            h2.PUSH_PROMISE: self._refuse_push,
            h2.PRIORITY: self._ignore_priority,
        }
        self._handlers = {**handlers, **own}
        self._rest = b""
        self._block: _Block | None = None
        self._is_greeted = False
        self.is_shut = False
        """Nothing that follows is looked at."""

    def read(self, data: bytes) -> int:
        """Handles all frames that are whole by now. How many requests took the short way to their answers.

        Raises:
            ConnectionFault: the other side broke the protocol.
        """
        if self._rest:
            data = self._rest + data
        answered, start, end = 0, 0, len(data)
        streams, kept = self._streams, self._kept
        while end - start >= _HEAD_BYTES and not self.is_shut:
            high, low, kind, flags, stream_id = _unpack_head(data, start)
            stop = start + _HEAD_BYTES + (high << 16 | low)
            if stop > end:
                break
            payload = data[start + _HEAD_BYTES : stop]
            start = stop
            if kind == _HEADERS and flags == _WHOLE and self._block is None:
                request, answer = streams.get(stream_id), kept.get(payload)
                if request and answer and not request.head and not request.sending and answer.status >= _REAL:
                    del streams[stream_id]
                    request.succeed(answer)
                    answered += 1
                    continue
            self._take(kind, flags, stream_id & _STREAM_ID_MAX, payload)
        self._keep(data, start)
        return answered

    def _keep(self, data: bytes, start: int) -> None:
        """A frame that is too large is refused by its head already: it would be collected without bound."""
        self._rest = data[start:]
        if len(self._rest) >= h2.FRAME_HEAD_BYTES and int.from_bytes(self._rest[:3], "big") > h2.FRAME_BYTES_MAX:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a frame is too large")

    def _take(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        if len(payload) > h2.FRAME_BYTES_MAX:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a frame is too large")
        if self._block is not None and kind != h2.CONTINUATION:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "headers are interrupted")
        if not self._is_greeted:
            if kind != h2.SETTINGS or flags & h2.ACK:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "it does not begin with settings")
            self._is_greeted = True
        handler = self._handlers.get(kind)
        if handler is None:
            self._on_needless()
        else:
            handler(flags, stream_id, payload)

    def _refuse_push(self, _flags: int, _stream_id: int, _payload: bytes) -> None:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "it pushes, which nobody allowed")

    def _ignore_priority(self, _flags: int, stream_id: int, payload: bytes) -> None:
        if len(payload) != _PRIORITY_BYTES or not stream_id:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a priority is cut or is nobody's")
        self._on_needless()

    def _begin_block(self, flags: int, stream_id: int, payload: bytes) -> None:
        fragment = h2.unpadded(flags, payload)
        if flags & h2.END_HEADERS:
            self._on_block(stream_id, fragment, bool(flags & h2.END_STREAM))
        else:
            self._block = _Block(stream_id, flags, fragment)

    def _continue_block(self, flags: int, stream_id: int, payload: bytes) -> None:
        block = self._block
        if block is None or block.stream_id != stream_id:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "headers continue that never began")
        block.fragments.append(payload)
        block.size_bytes += len(payload)
        if block.size_bytes > HEADER_BLOCK_BYTES_MAX or len(block.fragments) > HEADER_BLOCK_FRAMES_MAX:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "headers continue without end")
        if flags & h2.END_HEADERS:
            self._block = None
            self._on_block(stream_id, b"".join(block.fragments), block.ends_stream)
