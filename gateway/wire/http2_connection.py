"""One HTTP/2 connection that posts: many requests at once, each answered, refused or broken, none forgotten.

Source: RFC 9113. Strict towards the other side where leniency would cost memory or time: see `http2_watch` for floods,
`limits` for sizes. A body is kept up to `ANSWER_BYTES_MAX`; a longer answer is cut and its stream reset, so no stream
ever needs more than its first window, and the connection's is refilled whatever becomes of the bytes.
"""

import asyncio
from typing import Final, cast

from gateway.model.limits import (
    ANSWER_BYTES_MAX,
    CLOSE_S,
    HEADER_BLOCK_BYTES_MAX,
    HTTP2_IDLE_S,
    HTTP2_RECEIVE_WINDOW_BYTES,
    HTTP2_STREAMS_MAX,
    INTERIM_ANSWERS_MAX,
    RECEIVE_BUFFER_BYTES,
    SEND_BUFFER_BYTES_MAX,
)
from gateway.wire import http2_frames as h2
from gateway.wire.exchange import Answer, WireFailure
from gateway.wire.http2_answers import AnswerReader, check_trailers
from gateway.wire.http2_frames import ConnectionFault, ErrorCode, StreamFault
from gateway.wire.http2_inlet import Inlet
from gateway.wire.http2_outlet import Outlet
from gateway.wire.http2_requests import RequestEncoder
from gateway.wire.http2_watch import Watch
from gateway.wire.request import Owner, Request

_GREETING: Final = (
    h2.PREFACE
    + h2.settings_frame({h2.HEADER_TABLE_SIZE: 0, h2.ENABLE_PUSH: 0, h2.MAX_HEADER_LIST_SIZE: HEADER_BLOCK_BYTES_MAX})
    + h2.window_update_frame(0, HTTP2_RECEIVE_WINDOW_BYTES - h2.WINDOW_BYTES)
)
_PING_BYTES: Final = 8
_GOAWAY_BYTES_MIN: Final = 8
_SWITCHING: Final = 101


class Http2Connection(asyncio.BufferedProtocol):
    """Carries requests to one authority. `room` tells how many more it takes now.

    It reads into a buffer of its own: asyncio and uvloop would allocate 256 KiB for each few bytes that TLS brings.
    """

    def __init__(self, owner: Owner, authority: str, *, is_one_first: bool = False) -> None:
        loop = self._loop = asyncio.get_running_loop()
        self._owner = owner
        self._transport: asyncio.Transport | None = None
        self._streams: dict[int, Request] = {}
        self._next_id = 1
        self._encoder = RequestEncoder(authority)
        self._outlet = Outlet(loop)
        self._watch = Watch(loop)
        self._reader = AnswerReader()
        handlers = {
            h2.DATA: self._on_data,
            h2.RST_STREAM: self._on_rst_stream,
            h2.SETTINGS: self._on_settings,
            h2.PING: self._on_ping,
            h2.GOAWAY: self._on_goaway,
            h2.WINDOW_UPDATE: self._on_window_update,
        }
        self._inlet = Inlet(
            self._streams, self._reader.kept, handlers, on_block=self._on_block, on_needless=self._watch.endure
        )
        self._buffer = memoryview(bytearray(RECEIVE_BUFFER_BYTES))
        self._receivable = HTTP2_RECEIVE_WINDOW_BYTES
        self._streams_max = HTTP2_STREAMS_MAX
        self._is_one_first = is_one_first
        self._is_paused = False
        self.has_ended = False
        self.idle_s_max = HTTP2_IDLE_S
        self.room = 0
        self.is_retiring = False
        self.has_answered = False
        self.opened_at_s = self.used_at_s = loop.time()
        self.ready: asyncio.Future[None] = loop.create_future()
        """Done once the other side has sent its settings, or never will."""
        self.fault: Exception | None = None
        """Why it was lost, if asyncio knows."""

    @property
    def in_flight(self) -> int:
        """Requests without an answer."""
        return len(self._streams)

    def start(self, request: Request) -> None:
        """Sends a request. Only while there is `room`; headers that cannot be sent are the request's failure."""
        try:
            block = self._encoder.block(request.target.path_and_query, request.fixed, request.own, len(request.body))
        except WireFailure as refused:
            request.fail(refused.kind, str(refused))
            return
        stream_id = self._next_id
        self._next_id = stream_id + 2
        self.used_at_s = self._loop.time()
        request.start_on(self, stream_id, self.used_at_s)
        self._streams[stream_id] = request
        self.room -= 1
        self._outlet.request(request, block)
        if self._next_id > h2.STREAM_ID_MAX:
            self.retire()

    def abandon(self, request: Request) -> None:
        """Resets the stream of a request that nobody waits for."""
        if self._streams.get(request.stream_id) is request:
            self._cancel(request)
            self._settle()

    def retire(self) -> None:
        """Takes no more requests, and ends with the last answer."""
        self.is_retiring = True
        self._settle()

    def sweep(self, now_s: float) -> None:
        """Ends requests whose deadline has passed, and asks a silent other side for a sign of life."""
        self._end_late(now_s)
        if self.has_ended or self._transport is None:
            return
        if self._watch.is_dead(now_s):
            self._transport.abort()
            self._end("it does not answer a ping")
            return
        payload = self._watch.ping_due(now_s, is_busy=bool(self._streams))
        if payload is not None:
            self._outlet.add(h2.ping_frame(payload))

    def close(self) -> None:
        """Says goodbye and ends it; what is on its way is broken."""
        self._leave(ErrorCode.NO_ERROR, "it was closed")

    # --- asyncio calls these ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greets."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=SEND_BUFFER_BYTES_MAX)
        self._outlet.open(self._transport)
        self._outlet.add(_GREETING)
        self._outlet.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """What has no answer now gets none."""
        self.fault = exc
        self._end("the connection ended")

    def pause_writing(self) -> None:
        """The other side takes nothing at the moment: neither do we."""
        self._is_paused = True
        self._outlet.pause()
        self._count()

    def resume_writing(self) -> None:
        """Goes on."""
        self._is_paused = False
        self._outlet.resume()
        self._settle()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's interface
        """Where to put what comes."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """So much came."""
        self.receive(bytes(self._buffer[:nbytes]))

    def receive(self, data: bytes) -> None:
        """Reads all frames that are whole; never raises."""
        if self.has_ended:
            return
        self._watch.hear()
        try:
            answered = self._inlet.read(data)
            if answered:
                self._answered(answered)
            self._outlet.use_window()
        except ConnectionFault as fault:
            self._leave(fault.code, str(fault))
        self._settle()

    # --- answers ------------------------------------------------------------------------------------------------------

    def _on_block(self, stream_id: int, block: bytes, ends: bool) -> None:  # noqa: FBT001 - called by Inlet alone
        request = self._request(stream_id)
        if request is None:
            self._watch.endure()  # it was reset; blocks change no table, so that nobody needs to read this one
            return
        try:
            self._take_block(request, block, ends=ends)
        except StreamFault as fault:
            self._refuse(request, fault)

    def _take_block(self, request: Request, block: bytes, *, ends: bool) -> None:
        if request.head is not None:
            if not ends:
                raise StreamFault("its trailers do not end it")
            check_trailers(block)
            self._finish(request)
            return
        head = self._reader.kept.get(block) or self._reader.read(block)
        if head.status < 200:  # noqa: PLR2004 - interim answers come before the real one
            self._endure_interim(request, head, ends=ends)
            return
        request.head = head
        if ends:
            self._finish(request)
        elif request.wants_body or not 200 <= head.status < 300:  # noqa: PLR2004 - RFC 9110 section 15.3
            request.received = bytearray()

    def _endure_interim(self, request: Request, head: Answer, *, ends: bool) -> None:
        request.interim += 1
        if ends or head.status == _SWITCHING:
            raise StreamFault("it is interim for ever")
        if request.interim > INTERIM_ANSWERS_MAX:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "interim answers without end")

    def _on_data(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._refill(len(payload))
        request = self._request(stream_id)
        content = h2.unpadded(flags & h2.PADDED, payload)
        ends = bool(flags & h2.END_STREAM)
        if request is None or not (content or ends):
            self._watch.endure()
        if request is None:
            return
        if request.head is None:
            self._refuse(request, StreamFault("it has a body before its headers"))
            return
        request.taken_bytes += len(payload)
        if request.received is not None:
            request.received += content[: ANSWER_BYTES_MAX - len(request.received)]
        if ends:
            self._finish(request)
        elif request.taken_bytes > ANSWER_BYTES_MAX:
            self._outlet.add(h2.rst_stream_frame(stream_id, ErrorCode.CANCEL))
            self._finish(request, is_cut=True)

    def _refill(self, size: int) -> None:
        """Gives the connection's window back, by halves and at once: nobody can use it up."""
        self._receivable -= size
        if self._receivable <= HTTP2_RECEIVE_WINDOW_BYTES // 2:
            self._outlet.add(h2.window_update_frame(0, HTTP2_RECEIVE_WINDOW_BYTES - self._receivable))
            self._receivable = HTTP2_RECEIVE_WINDOW_BYTES

    def _finish(self, request: Request, *, is_cut: bool = False) -> None:
        answer = request.head
        assert answer is not None
        if request.received is not None:
            if not is_cut and _is_short(answer, request.received):
                self._refuse(request, StreamFault("its body has another length than it said"))
                return
            answer = Answer(answer.status, answer.headers, bytes(request.received))
        del self._streams[request.stream_id]
        if request.sending is not None:  # it answered before it had heard everything
            self._outlet.drop(request.stream_id)
            if not is_cut:
                self._outlet.add(h2.rst_stream_frame(request.stream_id, ErrorCode.CANCEL))
        request.succeed(answer)
        self._answered(1)

    def _answered(self, count: int) -> None:
        self._watch.answered(count)
        self.has_answered = True

    # --- the connection -----------------------------------------------------------------------------------------------

    def _on_rst_stream(self, _flags: int, stream_id: int, payload: bytes) -> None:
        code = h2.number_in(payload)
        request = self._request(stream_id)
        if request is None:
            self._watch.endure()
            return
        self._drop(request)
        if code == ErrorCode.REFUSED_STREAM:
            self._owner.resend([request])
        else:
            request.fail("broken", f"the stream was reset ({h2.error_name(code)})")

    def _on_settings(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._watch.endure()
        if stream_id or (flags & h2.ACK and payload):
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "settings of a stream, or an acknowledgement with content")
        if flags & h2.ACK:
            return
        settings = h2.settings_in(payload)
        self._outlet.add(h2.SETTINGS_ACK)  # before anything that makes use of them
        for name, value in _in_force(settings):
            self._set(name, value)
        if not self.ready.done():
            self.ready.set_result(None)

    def _set(self, name: int, value: int) -> None:
        match name:
            case h2.HEADER_TABLE_SIZE:
                self._encoder.resize(value)
            case h2.MAX_CONCURRENT_STREAMS:
                self._streams_max = min(value, HTTP2_STREAMS_MAX)
            case h2.INITIAL_WINDOW_SIZE:
                self._outlet.set_initial_window(value)
            case h2.MAX_FRAME_SIZE:
                self._outlet.set_frame_bytes_max(value)
            case h2.MAX_HEADER_LIST_SIZE:
                self._encoder.list_bytes_max = value
            case _:
                pass  # unknown ones mean nothing (section 6.5.2)

    def _on_ping(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._watch.endure()
        if stream_id or len(payload) != _PING_BYTES:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a ping of the wrong size, or of a stream")
        if flags & h2.ACK:
            self._watch.ponged(payload)
        else:
            self._outlet.add(h2.ping_frame(payload, is_answer=True))

    def _on_goaway(self, _flags: int, stream_id: int, payload: bytes) -> None:
        self._watch.endure()
        if stream_id or len(payload) < _GOAWAY_BYTES_MIN:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a goodbye is cut, or of a stream")
        self.is_retiring = True
        last_id = h2.number_in(payload[:4])
        unprocessed = [request for stream_id, request in self._streams.items() if stream_id > last_id]
        for request in unprocessed:
            self._drop(request)
        self._owner.resend(unprocessed)

    def _on_window_update(self, _flags: int, stream_id: int, payload: bytes) -> None:
        increment = h2.number_in(payload)
        if not (self._outlet.is_holding_back if stream_id else self._outlet.is_exhausted):
            self._watch.endure()
        if not stream_id:
            self._outlet.widen(increment)
            return
        request = self._request(stream_id)
        if request is None:
            return
        try:
            self._outlet.widen_stream(request, increment)
        except StreamFault as fault:
            self._refuse(request, fault)

    # --- streams ------------------------------------------------------------------------------------------------------

    def _request(self, stream_id: int) -> Request | None:
        """The request of this stream; None if it is over. Streams that never began break the connection."""
        request = self._streams.get(stream_id)
        if request is None and (stream_id % 2 == 0 or stream_id >= self._next_id):
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a frame of a stream that nobody began")
        return request

    def _drop(self, request: Request) -> None:
        del self._streams[request.stream_id]
        self._outlet.drop(request.stream_id)

    def _cancel(self, request: Request) -> None:
        self._drop(request)
        self._outlet.add(h2.rst_stream_frame(request.stream_id, ErrorCode.CANCEL))

    def _refuse(self, request: Request, fault: StreamFault) -> None:
        self._drop(request)
        self._outlet.add(h2.rst_stream_frame(request.stream_id, ErrorCode.PROTOCOL_ERROR))
        request.fail("broken", str(fault))

    def _end_late(self, now_s: float) -> None:
        late = [request for request in self._streams.values() if request.deadline_at_s <= now_s]
        for request in late:
            self._cancel(request)
            request.fail("timeout", "there was no answer in time")
        if not late:
            return
        # Nothing at all came since they were sent: the next requests go elsewhere.
        self.is_retiring |= self._watch.heard_at_s < min(request.started_at_s for request in late)
        self._settle()

    def _count(self) -> None:
        if self.has_ended or self.is_retiring or self._is_paused or not self.ready.done():
            limit = 0
        else:
            limit = 1 if self._is_one_first and not self.has_answered else self._streams_max
        self.room = min(limit, self._streams_max) - len(self._streams)

    def _settle(self) -> None:
        """After anything that may have made room, or an end."""
        self._count()
        if self.is_retiring and not self._streams:
            self.close()
        elif self.room > 0 and self._owner.has_waiting:
            self._owner.freed()

    # --- the end ------------------------------------------------------------------------------------------------------

    def _leave(self, code: ErrorCode, reason: str) -> None:
        """Ends it, and gives the other side a moment to read why."""
        if self.has_ended or self._transport is None:
            return
        self._outlet.add(h2.goaway_frame(code))
        self._outlet.flush()
        self._loop.call_later(CLOSE_S, self._transport.abort)
        self._transport.close()
        self._end(reason)

    def _end(self, reason: str) -> None:
        """Every request learns it. Those that were not even written can be sent elsewhere."""
        if self.has_ended:
            return
        self.has_ended = self._inlet.is_shut = True
        self._count()
        if not self.ready.done():
            self.ready.set_result(None)
        requests, written = list(self._streams.values()), self._outlet.written_stream
        self._streams.clear()
        self._outlet.end()
        self._owner.lost(self)
        for request in requests:
            if request.stream_id <= written:
                request.fail("broken", reason)
        self._owner.resend([request for request in requests if request.stream_id > written])


def _in_force(settings: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The last value of each, but every size of the header table: its smallest counts (RFC 7541 section 4.2).

    A new window looks at each stream that is held back, and thousands of them fit one frame.
    """
    tables = [(name, value) for name, value in settings if name == h2.HEADER_TABLE_SIZE]
    return [*tables, *((name, value) for name, value in dict(settings).items() if name != h2.HEADER_TABLE_SIZE)]


def _is_short(answer: Answer, body: bytearray) -> bool:
    """Whether a body that was kept whole is not what its headers announced."""
    length = answer.headers.get("content-length")
    return length is not None and len(body) < ANSWER_BYTES_MAX and length != str(len(body))
