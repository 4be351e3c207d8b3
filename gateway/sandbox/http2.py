"""The sandbox's end of an HTTP/2 connection, on `h2`: strict about streams, generous with nothing that was not said.

Sources: RFC 9113 sections 5.1.2 (concurrent streams), 5.2 (flow control), 6.5 (SETTINGS), 6.8 (GOAWAY), 8.1 (requests).
A request above the limit of streams gets RST_STREAM with REFUSED_STREAM, also when the client has not seen our first
SETTINGS yet; a limit that is lowered later counts from the moment that the client acknowledged it.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    PriorityUpdated,
    RemoteSettingsChanged,
    RequestReceived,
    SettingsAcknowledged,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings
from hyperframe.frame import GoAwayFrame
from multidict import CIMultiDict, CIMultiDictProxy

from gateway.sandbox.answers import cut
from gateway.sandbox.exchange import Asked, Reply, Serve
from gateway.sandbox.http2_faults import carry_out
from gateway.sandbox.limits import HANG_S_MAX, REQUEST_BYTES_MAX

_UNLIMITED: Final = 2**31 - 1
_WINDOW_BYTES: Final = 65_535
"""What both sides begin with, RFC 9113 section 6.9.2."""


class Conduct(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a service treats its HTTP/2 connections."""

    streams: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 1_000
    """Requests that one connection may carry at once."""
    streams_first: Annotated[int, msgspec.Meta(ge=1, le=100_000)] | None = None
    """The same until the first request of a known client was answered; None: as `streams` from the start."""
    window_bytes: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)] = _WINDOW_BYTES
    """Bytes of one request that may be on their way before we take them."""
    window_pause_ms: Annotated[float, msgspec.Meta(ge=0, le=HANG_S_MAX * 1000)] = 0
    """How long we take for them."""


class _Settings(Settings):
    """Ours, of which `h2` is not to enforce one: it would end the whole connection over a stream too many."""

    @property
    def max_concurrent_streams(self) -> int:
        return _UNLIMITED

    @max_concurrent_streams.setter
    def max_concurrent_streams(self, value: int) -> None:
        self[SettingCodes.MAX_CONCURRENT_STREAMS] = value


class _Stream(msgspec.Struct, eq=False):
    """A request that is coming in or being answered."""

    fields: Sequence[tuple[bytes, bytes]]
    body: bytearray
    answering: "asyncio.Task[None] | None" = None


class Http2Line(asyncio.Protocol):
    """One connection. `serve` answers its requests, `lines` is where it is listed while it stands."""

    def __init__(self, serve: Serve, conduct: Conduct, lines: "set[Http2Line]", counters: Counter[str]) -> None:
        """Not yet connected."""
        self.certificate: bytes | None = None
        self._serve = serve
        self._conduct = conduct
        self._lines = lines
        self._counters = counters
        self._h2 = H2Connection(
            H2Configuration(
                client_side=False,
                header_encoding=None,
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )
        self._transport: asyncio.Transport | None = None
        self._open: dict[int, _Stream] = {}
        self._newest = 0
        self._last: int | None = None
        """The last stream that is still served, once a GOAWAY went out."""
        self._streams_max = conduct.streams_first or conduct.streams
        self._is_opened = conduct.streams_first is None
        self._window = asyncio.Event()
        self._is_flushing = False

    # --- the connection -----------------------------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say our settings."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        tls = transport.get_extra_info("ssl_object")
        self.certificate = None if tls is None else tls.getpeercert(binary_form=True)
        self._lines.add(self)
        self._counters["h2_connections"] += 1
        self._h2.local_settings = _Settings(
            client=False, initial_values={SettingCodes.MAX_CONCURRENT_STREAMS: self._streams_max}
        )
        self._h2.initiate_connection()
        if self._conduct.window_bytes != _WINDOW_BYTES:
            # Not among the first settings: `h2` holds the client to those before it can have read them.
            self._h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: self._conduct.window_bytes})
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the name is the protocol's
        """Let go of everything."""
        self._lines.discard(self)
        self._transport = None
        for stream in self._open.values():
            if stream.answering is not None:
                stream.answering.cancel()
        self._open.clear()
        self._window.set()

    def data_received(self, data: bytes) -> None:
        """Frames came."""
        try:
            events = self._h2.receive_data(data)
        except ProtocolError:
            self._counters["h2_protocol_errors"] += 1
            self._flush()
            self.hang_up()
            return
        for event in events:
            self._take(event)
        self.flush_soon()

    def _take(self, event: Event) -> None:
        match event:
            case RequestReceived(stream_id=int(number), headers=fields):
                self._begin(number, fields)  # pyright: ignore[reportArgumentType] - bytes, as header_encoding says
            case DataReceived(stream_id=int(number), data=bytes(data), flow_controlled_length=int(size)):
                self._more(number, data, size)
            case StreamEnded(stream_id=int(number)):
                self._ask(number)
            case StreamReset(stream_id=int(number)):
                self._counters["h2_resets_by_client"] += 1
                self._drop(number)
            case WindowUpdated() | RemoteSettingsChanged():
                self._window.set()
            case SettingsAcknowledged(changed_settings=changed):
                if (limit := changed.get(SettingCodes.MAX_CONCURRENT_STREAMS)) is not None:
                    self._streams_max = limit.new_value
            case PriorityUpdated():
                self._counters["h2_priority_frames"] += 1
            case ConnectionTerminated():
                self._last = self._newest
                self._leave_when_done()
            case _:
                pass

    # --- requests -----------------------------------------------------------------------------------------------------
    def _begin(self, number: int, fields: Sequence[tuple[bytes, bytes]]) -> None:
        self._newest = number
        if self._last is not None and number > self._last:
            return  # as GOAWAY said
        if len(self._open) >= self._streams_max:
            self._counters["h2_streams_refused"] += 1
            self._h2.reset_stream(number, ErrorCodes.REFUSED_STREAM)
            return
        self._open[number] = _Stream(fields, bytearray())

    def _more(self, number: int, data: bytes, size: int) -> None:
        stream = self._open.get(number)
        if stream is None:
            self._h2.acknowledge_received_data(size, number)
            return
        stream.body += data
        if len(stream.body) > REQUEST_BYTES_MAX:
            self.reset(number, ErrorCodes.ENHANCE_YOUR_CALM)
        elif self._conduct.window_pause_ms:
            asyncio.get_running_loop().call_later(self._conduct.window_pause_ms / 1000, self._credit, number, size)
        else:
            self._h2.acknowledge_received_data(size, number)

    def _credit(self, number: int, size: int) -> None:
        if self._transport is not None:
            self._h2.acknowledge_received_data(size, number)
            self.flush_soon()

    def _ask(self, number: int) -> None:
        stream = self._open.get(number)
        if stream is not None:
            asked = _asked(stream, self)
            stream.answering = asyncio.get_running_loop().create_task(self._answer(number, asked))

    async def _answer(self, number: int, asked: Asked) -> None:
        reply = await self._serve(asked)
        if number not in self._open:
            return
        if reply.fault is None:
            await self.send(number, reply)
        else:
            await carry_out(self, number, reply)
        self._drop(number)

    def _drop(self, number: int) -> None:
        stream = self._open.pop(number, None)
        if stream is not None and stream.answering is not None and stream.answering is not asyncio.current_task():
            stream.answering.cancel()
        self._window.set()
        if self._last is not None:
            self._leave_when_done()

    # --- answers ------------------------------------------------------------------------------------------------------
    async def send(self, number: int, reply: Reply) -> None:
        """A whole answer, as fast as the client's windows let it."""
        self.send_head(number, reply, is_end=not reply.body)
        if reply.body:
            await self.send_body(number, reply.body, is_end=True)

    def send_head(self, number: int, reply: Reply, *, is_end: bool = False, size_bytes: int | None = None) -> None:
        """The beginning of an answer."""
        fields = [(b":status", str(reply.status).encode())]
        fields += [(name.lower().encode(), value.encode()) for name, value in reply.headers.items()]
        if size_bytes is not None:
            fields.append((b"content-length", str(size_bytes).encode()))
        self._h2.send_headers(number, fields, end_stream=is_end)
        self.flush_soon()

    async def send_body(self, number: int, body: bytes, *, is_end: bool) -> None:
        """A part of an answer's body; stops when the client gives up on it."""
        at = 0
        while number in self._open and at < len(body):
            room = min(self._h2.local_flow_control_window(number), self._h2.max_outbound_frame_size)
            if room <= 0:
                self._counters["h2_waits_for_window"] += 1
                self._window.clear()
                await self._window.wait()
                continue
            piece = body[at : at + room]
            at += len(piece)
            self._h2.send_data(number, piece, end_stream=is_end and at == len(body))
            self.flush_soon()

    def reset(self, number: int, error_code: int) -> None:
        """RST_STREAM."""
        if number in self._open:
            self._h2.reset_stream(number, error_code)
            self.flush_soon()
        self._drop(number)

    def open_up(self) -> None:
        """As `Line` says."""
        if not self._is_opened:
            self._is_opened = True
            self.limit_streams(self._conduct.streams)

    def limit_streams(self, limit: int) -> None:
        """SETTINGS_MAX_CONCURRENT_STREAMS; a higher one counts at once, a lower one from its acknowledgement."""
        if self._transport is not None:
            self._streams_max = max(self._streams_max, limit)
            self._h2.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: limit})
            self.flush_soon()

    def order_streams(self, limit: int, *, for_s: float) -> None:
        """As `Line` says."""
        self.limit_streams(limit)
        if for_s:
            asyncio.get_running_loop().call_later(for_s, self._restore_streams)

    def _restore_streams(self) -> None:
        first = self._conduct.streams_first
        self.limit_streams(self._conduct.streams if self._is_opened or first is None else first)

    def go_away(self, *, last: int | None, error_code: int, data: bytes) -> None:
        """GOAWAY. Streams above `last` (None: the newest) get no answer; the connection ends behind the others."""
        last = self._newest if last is None else last
        # By hand: `h2` sends nothing more once its own close_connection was called.
        frame = GoAwayFrame(0, last_stream_id=last, error_code=error_code, additional_data=data)
        self._flush()
        if self._transport is not None:
            self._transport.write(frame.serialize())
        self._last = last
        for number in [number for number in self._open if number > last]:
            self._drop(number)
        self._leave_when_done()

    def _leave_when_done(self) -> None:
        if not self._open:
            self._flush()
            self.hang_up()

    # --- bytes --------------------------------------------------------------------------------------------------------
    def flush_soon(self) -> None:
        """Write what is due at the end of this turn of the loop: many answers, one write."""
        if not self._is_flushing:
            self._is_flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._is_flushing = False
        data = self._h2.data_to_send()
        if data and self._transport is not None:
            self._transport.write(data)

    def freeze(self) -> None:
        """Stop reading: nothing is answered, pings neither."""
        if self._transport is not None:
            self._transport.pause_reading()

    def hang_up(self, *, said: bytes | None = None) -> None:
        """End the connection in order, or, with last words that end in the middle, by a TCP reset."""
        if self._transport is None:
            return
        if said is None:
            self._transport.close()
            return
        self._flush()
        self._transport.write(said)
        cut(self._transport)


def _asked(stream: _Stream, line: Http2Line) -> Asked:
    pseudo: dict[bytes, bytes] = {}
    headers: CIMultiDict[str] = CIMultiDict()
    for name, value in stream.fields:
        if name[0] == ord(":"):
            pseudo[name] = value
        else:
            headers.add(name.decode("latin-1"), value.decode("latin-1"))
    target: Any = pseudo.get(b":path", b"/").decode("latin-1")
    host = pseudo.get(b":authority", b"").decode("latin-1") or headers.get("host", "")
    return Asked(
        method=pseudo.get(b":method", b"").decode("latin-1"),
        host=host.lower(),
        path=target.partition("?")[0],
        headers=CIMultiDictProxy(headers),
        body=bytes(stream.body),
        line=line,
    )
