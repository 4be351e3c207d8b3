"""A strict HTTP/2 server that answers as a script says, and tells what clients did wrong.

Built on the `h2` library, which refuses what the standard forbids clients: pseudo-headers behind others, more streams
than allowed, more bytes than a window takes, header blocks that do not fit its table.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import msgspec
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    PingAckReceived,
    PingReceived,
    RequestReceived,
    SettingsAcknowledged,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings

Headers = Sequence[tuple[str, str]]


class Received(msgspec.Struct):
    """One request that came whole."""

    session: "Session"
    stream_id: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def path(self) -> str:
        return dict(self.headers)[":path"]

    def answer(self, status: int = 200, headers: Headers = (), body: bytes = b"") -> None:
        """Answers whole, as fast as the client's windows allow."""
        self.session.answer(self.stream_id, status, headers, body)


Script = Callable[[Received], Any]
Start = Callable[["Session"], Any]


def accept(request: Received) -> None:
    """The plainest script."""
    request.answer(201)


class Session(asyncio.Protocol):
    """One connection of a client."""

    def __init__(self, server: "ScriptedServer") -> None:
        self.server = server
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self.transport: asyncio.Transport | None = None
        self.resets: list[tuple[int, int]] = []
        self.goodbyes: list[int] = []
        self.pings: list[bytes] = []
        self.pongs = 0
        self.acknowledged = 0
        self.gives_credit = True
        self.is_deaf = False
        """It reads nothing more, and answers nothing, pings among it."""
        self.is_lost = asyncio.Event()
        self._partial: dict[int, tuple[list[tuple[str, str]], bytearray]] = {}
        self._unsent: dict[int, bytes] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.server.sessions.append(self)
        self.h2.local_settings = Settings(client=False, initial_values=self.server.settings)
        # The library applies what it sends when that is acknowledged, but not what it starts with.
        self.h2.decoder.max_allowed_table_size = self.h2.local_settings.header_table_size
        self.h2.max_inbound_frame_size = self.h2.local_settings.max_frame_size
        self.h2.initiate_connection()
        self.flush()
        if self.server.on_connect is not None:
            self.server.on_connect(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's interface
        self.is_lost.set()

    def data_received(self, data: bytes) -> None:
        if self.is_deaf:
            return
        try:
            events = self.h2.receive_data(data)
        except ProtocolError as fault:
            events = []
            self.server.faults.append(repr(fault))
        for event in events:
            # An answer to a client that has left meanwhile, or to a stream that it has reset, is nobody's fault.
            with contextlib.suppress(ProtocolError):
                self._take(event)
        self.flush()
        if self.server.faults:
            self.end()

    def answer(self, stream_id: int, status: int, headers: Headers = (), body: bytes = b"") -> None:
        """Headers at once, the body as the client's windows allow."""
        self.h2.send_headers(stream_id, [(":status", str(status)), *headers], end_stream=not body)
        if body:
            self._unsent[stream_id] = body
        self.flush()

    def change(self, **settings: int) -> None:
        """New settings, by the names of the standard in lower case."""
        self.h2.update_settings({**codes_of(settings)})
        self.flush()

    def reset(self, stream_id: int, code: ErrorCodes) -> None:
        """Ends a stream."""
        self.h2.reset_stream(stream_id, code)
        self.flush()

    def say_goodbye(self, last_stream: int, code: int = 0, more: bytes = b"") -> None:
        """A raw GOAWAY: the library would refuse to answer behind one."""
        self.flush()
        payload = last_stream.to_bytes(4, "big") + code.to_bytes(4, "big") + more
        self.raw(len(payload).to_bytes(3, "big") + b"\x07\x00" + bytes(4) + payload)

    def raw(self, data: bytes) -> None:
        """Bytes as they are."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def end(self) -> None:
        """Ends the connection when everything is sent."""
        assert self.transport is not None
        self.transport.close()

    def cut(self) -> None:
        """Ends the connection without a word."""
        assert self.transport is not None
        self.transport.abort()

    def flush(self) -> None:
        """Sends what there is to send, as far as the client's windows allow."""
        for stream_id in list(self._unsent):
            self._send_some(stream_id)
        self.raw(self.h2.data_to_send())

    def _send_some(self, stream_id: int) -> None:
        while body := self._unsent.get(stream_id):
            size = min(self.h2.local_flow_control_window(stream_id), self.h2.max_outbound_frame_size, len(body))
            if size <= 0:
                return
            self._unsent[stream_id] = body[size:]
            self.h2.send_data(stream_id, body[:size], end_stream=size == len(body))
        del self._unsent[stream_id]

    def _take(self, event: Event) -> None:
        match event:
            case RequestReceived(stream_id=int(stream_id), headers=headers):
                self._partial[stream_id] = (cast("Any", headers), bytearray())
                self.server.began += 1
            case DataReceived(stream_id=stream_id, data=data, flow_controlled_length=size):
                self._partial[stream_id][1].extend(data or b"")
                if self.gives_credit:
                    self.h2.acknowledge_received_data(size or 0, stream_id)
            case StreamEnded(stream_id=int(stream_id)):
                headers, body = self._partial.pop(stream_id)
                request = Received(self, stream_id, headers, bytes(body))
                self.server.requests.append(request)
                self.server.script(request)
            case StreamReset(stream_id=int(stream_id), error_code=code):
                self.resets.append((stream_id, int(code or 0)))
                self._unsent.pop(stream_id, None)
            case ConnectionTerminated(error_code=code):
                self.goodbyes.append(int(code or 0))
            case PingReceived(ping_data=bytes(data)):
                self.pings.append(data)
            case PingAckReceived():
                self.pongs += 1
            case SettingsAcknowledged():
                self.acknowledged += 1
            case _:
                pass  # whatever it is, `flush` sends what fits now


class ScriptedServer:
    """Listens on loopback; `script` gets each whole request."""

    def __init__(self, script: Script, settings: dict[SettingCodes, int], on_connect: Start | None) -> None:
        self.script = script
        self.settings = settings
        self.on_connect = on_connect
        self.port = 0
        self.began = 0
        self.sessions: list[Session] = []
        self.requests: list[Received] = []
        self.faults: list[str] = []
        """What clients did wrong."""


def codes_of(settings: Mapping[str, int]) -> dict[SettingCodes, int]:
    """Settings by their numbers."""
    return {SettingCodes[name.upper()]: value for name, value in settings.items()}


@asynccontextmanager
async def scripted(
    context: ssl.SSLContext,
    script: Script = accept,
    *,
    on_connect: Start | None = None,
    port: int = 0,
    **settings: int,
) -> AsyncGenerator[ScriptedServer]:
    """A running server. `settings` by the names of the standard in lower case. A fault of the client fails the test."""
    server = ScriptedServer(script, codes_of(settings), on_connect)
    context.set_alpn_protocols(["h2"])
    listener = await asyncio.get_running_loop().create_server(lambda: Session(server), "127.0.0.1", port, ssl=context)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for session in server.sessions:
            session.cut()
    assert server.faults == [], server.faults
