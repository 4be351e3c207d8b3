"""An HTTP/2 client by hand, on `h2`: it says what a test wants said, and shows every frame that came back."""

import asyncio
import ssl
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import msgspec
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    DataReceived,
    Event,
    PingAckReceived,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2.settings import SettingCodes, Settings
from hyperframe.frame import Frame, GoAwayFrame

WAIT_S = 5.0
FRAME_HEAD_BYTES = 9


class Answer(msgspec.Struct):
    """What came back on one stream."""

    status: int = 0
    headers: Mapping[str, str] = {}
    body: bytes = b""
    reset_code: int | None = None
    is_whole: bool = False

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def reason(self) -> str | None:
        """Apple's word."""
        return self.json["reason"] if self.body else None


class _Boundless(Settings):
    """The other side's settings, without its limit of streams."""

    @property
    def max_concurrent_streams(self) -> int:
        return 2**31 - 1

    @max_concurrent_streams.setter
    def max_concurrent_streams(self, value: int) -> None:
        self[SettingCodes.MAX_CONCURRENT_STREAMS] = value


class RawHttp2:
    """One connection."""

    def __init__(self, authority: str) -> None:
        self.authority = authority
        self.h2 = H2Connection(
            H2Configuration(
                client_side=True, header_encoding="utf-8", validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )  # fmt: skip
        # h2 itself would not open a stream too many.
        self.h2.remote_settings = _Boundless(client=False)
        self.answers: dict[int, Answer] = {}
        self.goaway: GoAwayFrame | None = None
        self.limits: list[int] = []
        """Each SETTINGS_MAX_CONCURRENT_STREAMS, as it came."""
        self.pongs = 0
        self.is_lost = False
        self.acknowledges = True
        self._rest = b""
        self._news = asyncio.Condition()
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    @classmethod
    async def connect(
        cls,
        port: int,
        ca: Path,
        *,
        host: str,
        certificate: Path | None = None,
        settings: Mapping[int, int] | None = None,
    ) -> Self:
        """TLS with ALPN, and the first settings of both sides."""
        trust = ssl.create_default_context(cafile=str(ca))
        trust.set_alpn_protocols(["h2"])
        if certificate is not None:
            trust.load_cert_chain(certificate)
        line = cls(host)
        line._reader, line._writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust, server_hostname=host)
        line.h2.initiate_connection()
        if settings:
            line.h2.update_settings(dict(settings))
        line.flush()
        line._reading = asyncio.get_running_loop().create_task(line._read())
        await line.until(lambda: bool(line.limits))
        return line

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Leave."""
        if self._reading is not None:
            self._reading.cancel()
        if self._writer is not None:
            self._writer.close()

    def flush(self) -> None:
        """Write what is due."""
        assert self._writer is not None
        self._writer.write(self.h2.data_to_send())

    def ask(
        self, path: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b"", *, method: str = "POST"
    ) -> int:
        """Send a request; returns its stream."""
        number = self.begin(path, headers, is_end=not body, method=method)
        if body:
            self.h2.send_data(number, body, end_stream=True)
        self.flush()
        return number

    def begin(
        self, path: str, headers: Iterable[tuple[str, str]] = (), *, is_end: bool = False, method: str = "POST"
    ) -> int:
        """Begin a request whose body comes by and by; returns its stream."""
        number = self.h2.get_next_available_stream_id()
        fields = [(":method", method), (":scheme", "https"), (":authority", self.authority), (":path", path), *headers]
        self.h2.send_headers(number, fields, end_stream=is_end)
        self.answers[number] = Answer()
        return number

    async def more(self, number: int, data: bytes, *, is_end: bool = False) -> None:
        """A piece of a body, as soon as its window has room."""
        await self.until(lambda: self.h2.local_flow_control_window(number) >= len(data))
        self.h2.send_data(number, data, end_stream=is_end)
        self.flush()

    async def answer(self, number: int) -> Answer:
        """The whole answer on a stream, or its reset."""
        await self.until(lambda: self.answers[number].is_whole or self.is_lost)
        return self.answers[number]

    async def post(self, path: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> Answer:
        """Ask, and wait for the answer."""
        return await self.answer(self.ask(path, headers, body))

    async def until(self, is_so: Any) -> None:
        """Wait for a condition that frames bring about."""
        async with asyncio.timeout(WAIT_S), self._news:
            await self._news.wait_for(is_so)

    async def _read(self) -> None:
        assert self._reader is not None
        while True:
            try:
                data = await self._reader.read(65_536)
            except OSError:
                data = b""
            for frame in self._frames(data):
                for event in self.h2.receive_data(frame):
                    self._take(event)
            if data:
                self.flush()
            self.is_lost = not data
            async with self._news:
                self._news.notify_all()
            if not data:
                return

    def _frames(self, data: bytes) -> Iterator[bytes]:
        """Whole frames; GOAWAY is taken out, since `h2` would hear no answer behind it."""
        self._rest += data
        while len(self._rest) >= FRAME_HEAD_BYTES:
            frame, size_bytes = Frame.parse_frame_header(memoryview(self._rest[:FRAME_HEAD_BYTES]))
            end = FRAME_HEAD_BYTES + size_bytes
            if len(self._rest) < end:
                return
            whole, self._rest = self._rest[:end], self._rest[end:]
            if isinstance(frame, GoAwayFrame):
                frame.parse_body(memoryview(whole[FRAME_HEAD_BYTES:]))
                self.goaway = frame
            else:
                yield whole

    def _take(self, event: Event) -> None:
        match event:
            case ResponseReceived(stream_id=number, headers=fields):
                headers = {str(name): str(value) for name, value in fields}
                self.answers[number].status = int(headers.pop(":status"))
                self.answers[number].headers = headers
            case DataReceived(stream_id=number, data=data, flow_controlled_length=size):
                self.answers[number].body += data
                if self.acknowledges:
                    self.h2.acknowledge_received_data(size, number)
            case PingAckReceived():
                self.pongs += 1
            case StreamEnded(stream_id=number):
                self.answers[number].is_whole = True
            case StreamReset(stream_id=number, error_code=code):
                self.answers[number].reset_code = int(code)
                self.answers[number].is_whole = True
            case RemoteSettingsChanged(changed_settings=changed):
                if (limit := changed.get(SettingCodes.MAX_CONCURRENT_STREAMS)) is not None:
                    self.limits.append(limit.new_value)
            case _:
                pass
