"""What goes out on one HTTP/2 connection: frames of a whole turn in one write, within the other side's windows.

Source: RFC 9113 sections 4.2 (frame size), 5.2 and 6.9 (flow control; a window may be below zero, section 6.9.2).
"""

import asyncio
from typing import Final

from gateway.wire.http2_frames import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    FRAME_BYTES_MAX,
    HEADERS,
    WINDOW_BYTES,
    WINDOW_BYTES_MAX,
    ConnectionFault,
    ErrorCode,
    StreamFault,
    frame_head,
    pack_head,
)
from gateway.wire.request import Request, Sending

_ZERO_INCREMENT: Final = "a window grows by nothing"


class Outlet:
    """Collects frames and writes them once per turn of the loop; holds bodies back that no window takes."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.WriteTransport | None = None
        self._frames: list[bytes] = []
        self._window = WINDOW_BYTES
        self._initial_window = WINDOW_BYTES
        self._frame_bytes_max = FRAME_BYTES_MAX
        self._at_once_max = FRAME_BYTES_MAX
        """Bodies up to this size need no second thought, as far as their own window and a frame go."""
        self._stalled: dict[int, Request] = {}
        self._is_paused = False
        self._is_wider = False
        self._last_stream = 0
        self.written_stream = 0
        """Later streams never left this process."""

    def open(self, transport: asyncio.WriteTransport) -> None:
        """Writes to it from now on."""
        self._transport = transport

    def end(self) -> None:
        """Writes nothing any more."""
        self._transport = None
        self._frames.clear()
        self._stalled.clear()

    def add(self, frame: bytes) -> None:
        """Sends whole frames with all others of this turn."""
        if not self._frames:
            self._loop.call_soon(self.flush)
        self._frames.append(frame)

    def request(self, request: Request, block: bytes) -> None:
        """Sends headers and as much of the body as may go."""
        stream_id, body = request.stream_id, request.body
        size = len(body)
        self._last_stream = stream_id
        if not self._frames:
            self._loop.call_soon(self.flush)
        if 0 < size <= self._at_once_max and size <= self._window and len(block) <= self._frame_bytes_max:
            self._window -= size
            # `frame_head` written out: this is the way of nearly every request.
            head = pack_head(len(block) >> 16, len(block) & 0xFFFF, HEADERS, END_HEADERS, stream_id)
            self._frames += (head, block, pack_head(size >> 16, size & 0xFFFF, DATA, END_STREAM, stream_id), body)
            return
        self._headers(stream_id, block, 0 if body else END_STREAM)
        if body:
            request.sending = Sending(body)
            self._stalled[stream_id] = request
            self._send_rest(request)

    def flush(self) -> None:
        """Writes what was collected."""
        if self._frames and self._transport is not None:
            data = b"".join(self._frames)
            self._frames.clear()
            self.written_stream = self._last_stream
            self._transport.write(data)

    def drop(self, stream_id: int) -> None:
        """The rest of this body is not needed."""
        self._stalled.pop(stream_id, None)

    def pause(self) -> None:
        """The transport has enough."""
        self._is_paused = True
        self._at_once_max = 0

    def resume(self) -> None:
        """The transport takes more."""
        self._is_paused = False
        self._measure()
        self.send_rests()

    @property
    def is_holding_back(self) -> bool:
        """Whether a larger window would be used."""
        return bool(self._stalled)

    @property
    def is_exhausted(self) -> bool:
        """Whether the connection's window holds bodies back. Until then, a larger one moves nothing on."""
        return bool(self._stalled) and self._window <= 0

    # --- what the other side allows -----------------------------------------------------------------------------------

    def set_frame_bytes_max(self, size: int) -> None:
        """No frame has more."""
        self._frame_bytes_max = size
        self._measure()

    def set_initial_window(self, size: int) -> None:
        """Of all streams, those that began before as well; their windows may fall below zero.

        Raises:
            ConnectionFault: the window of a stream becomes larger than any may be.
        """
        self._initial_window = size
        self._measure()
        for request in self._stalled.values():
            if request.sending is not None and size + request.sending.allowed > WINDOW_BYTES_MAX:
                raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "a window is too large")
        self.send_rests()

    def widen(self, increment: int) -> None:
        """The window of the connection; `use_window` then sends what it takes.

        Raises:
            ConnectionFault: it becomes larger than any may be, or no larger.
        """
        if not increment:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, _ZERO_INCREMENT)
        self._window += increment
        if self._window > WINDOW_BYTES_MAX:
            raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "a window is too large")
        self._is_wider = True

    def use_window(self) -> None:
        """Call it after each read: once for all updates of it, or a thousand of them walk a thousand bodies each."""
        if self._is_wider:
            self._is_wider = False
            self.send_rests()

    def widen_stream(self, request: Request, increment: int) -> None:
        """The window of one stream.

        Raises:
            StreamFault: it becomes larger than any may be, or no larger.
        """
        if not increment:
            raise StreamFault(_ZERO_INCREMENT)
        sending = request.sending
        if sending is None:
            return
        sending.allowed += increment
        if self._initial_window + sending.allowed > WINDOW_BYTES_MAX:
            raise StreamFault("its window is too large")
        self._send_rest(request)

    def send_rests(self) -> None:
        """As much as may go now, in the order of the streams."""
        for request in list(self._stalled.values()):
            if self._window <= 0 or self._is_paused:
                return
            self._send_rest(request)

    def _measure(self) -> None:
        self._at_once_max = 0 if self._is_paused else min(self._initial_window, self._frame_bytes_max)

    def _headers(self, stream_id: int, block: bytes, flags: int) -> None:
        """HEADERS, and CONTINUATION where they do not fit one frame."""
        size, kind = self._frame_bytes_max, HEADERS
        for start in range(0, len(block), size):
            part = block[start : start + size]
            last = END_HEADERS if start + size >= len(block) else 0
            self._frames += (frame_head(len(part), kind, flags | last, stream_id), part)
            kind, flags = CONTINUATION, 0

    def _send_rest(self, request: Request) -> None:
        sending = request.sending
        assert sending is not None
        while sending.rest and not self._is_paused:
            size = min(len(sending.rest), self._window, self._initial_window + sending.allowed, self._frame_bytes_max)
            if size <= 0:
                return
            part, sending.rest = sending.rest[:size], sending.rest[size:]
            self._window -= size
            sending.allowed -= size
            self.add(frame_head(size, DATA, 0 if sending.rest else END_STREAM, request.stream_id))
            self.add(bytes(part))
        if not sending.rest:
            self.drop(request.stream_id)
            request.sending = None
