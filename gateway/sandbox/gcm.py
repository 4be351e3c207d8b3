"""The line to Chromium: device check-in, registration, and the MCS connection that carries the messages.

Sources: chromium google_apis/gcm: protocol/checkin.proto and mcs.proto (field numbers), engine/checkin_request.cc,
engine/registration_request.cc, engine/unregistration_request.cc (forms and answers), engine/connection_handler_impl.cc
(framing); components/gcm_driver/crypto/gcm_encryption_provider.cc (which app data a web push carries).
"""

import asyncio
import secrets
import ssl
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from aiohttp import web

from gateway.sandbox.devices import vapid_point
from gateway.sandbox.limits import MCS_FRAME_BYTES_MAX
from gateway.sandbox.mailbox import Agent, Channel, Mailbox, StoredMessage, TooManyChannelsError
from gateway.sandbox.protobuf import (
    MalformedFieldError,
    field_bytes,
    field_fixed64,
    field_int,
    fields,
    first_int,
    first_text,
    varint,
)

SERVICE: Final = "gcm"
_MCS_VERSION: Final = 41
_PING, _PONG, _LOGIN, _LOGGED_IN, _CLOSE, _IQ, _DATA = 0, 1, 2, 3, 4, 7, 8
_LAST_STREAM_ID_RECEIVED: Final = {_PING: 2, _PONG: 2, _IQ: 10, _DATA: 11}
"""In which field each kind of client frame says how much of ours has arrived."""
_LOGIN_USER, _LOGIN_RECEIVED = 3, 10
_BACKLOG_BYTES_MAX: Final = 4 * 1024 * 1024


class _Line:
    """One MCS connection."""

    def __init__(self, writer: asyncio.StreamWriter, mailbox: Mailbox) -> None:
        self._writer = writer
        self._mailbox = mailbox
        self._sent = 0
        self._unconfirmed: deque[tuple[int, str]] = deque()

    def deliver(self, channel: Channel, message: StoredMessage) -> None:
        if self._writer.transport.get_write_buffer_size() > _BACKLOG_BYTES_MAX:
            self.close()
            return
        self.say(_DATA, _data_stanza(channel, message))
        self._unconfirmed.append((self._sent, message.version))

    def say(self, tag: int, body: bytes) -> None:
        self._sent += 1
        self._writer.write(bytes([tag]) + varint(len(body)) + body)

    def say_version(self) -> None:
        self._writer.write(bytes([_MCS_VERSION]))

    def close(self) -> None:
        self._writer.close()

    def confirm_up_to(self, stream_id: int) -> None:
        """Chromium has received our first `stream_id` frames."""
        while self._unconfirmed and self._unconfirmed[0][0] <= stream_id:
            self._mailbox.confirm(self._unconfirmed.popleft()[1])


class Gcm:
    """Chromium's three counterparts: check-in and registration over HTTP, MCS over TLS."""

    def __init__(self, mailbox: Mailbox, clock: Callable[[], float]) -> None:
        self._mailbox = mailbox
        self._clock = clock
        self._server: asyncio.Server | None = None
        self._lines: set[asyncio.Task[None]] = set()
        self.port = 0

    async def start(self, host: str, port: int, context: ssl.SSLContext) -> None:
        """Listen for MCS connections; `port` tells where afterwards."""
        self._server = await asyncio.start_server(self._accept, host, port, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and end every connection."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for line in list(self._lines):
            line.cancel()
        await asyncio.gather(*self._lines, return_exceptions=True)

    # --- HTTP ---------------------------------------------------------------------------------------------------------
    def checkin(self) -> web.Response:
        """A new device: two random non-zero numbers, its name and its password."""
        android_id, token = (secrets.randbits(62) | 1 for _ in range(2))
        self._mailbox.add_agent(str(android_id), SERVICE)
        body = b"".join(
            (
                field_int(1, 1),
                field_int(3, int(self._clock() * 1000)),
                field_fixed64(7, android_id),
                field_fixed64(8, token),
                field_int(9, 0),
            )
        )
        return web.Response(body=body, content_type="application/x-protobuf")

    def register(self, form: Mapping[str, object]) -> web.Response:
        """Open or end one registration; the answer is `token=...` either way, or `Error=...`."""
        said = {key: value for key, value in form.items() if isinstance(value, str)}
        agent = self._mailbox.agent(said.get("device", ""))
        if agent is None:
            return web.Response(text="Error=PHONE_REGISTRATION_ERROR")
        subtype = said.get("X-subtype", "")
        if said.get("delete") == "true":
            self._mailbox.close(agent, subtype)
            return web.Response(text=f"token={subtype}")
        if not subtype:  # the browser's own registration, which no web page can reach
            return web.Response(text=f"token={secrets.token_urlsafe(48)}")
        return self._open(agent, subtype, said)

    def _open(self, agent: Agent, subtype: str, said: dict[str, str]) -> web.Response:
        sender, known = said.get("sender", ""), agent.channels.get(subtype)
        if known is not None and known.details["from"] == sender:
            return web.Response(text=f"token={known.token}")
        try:
            channel = Channel(
                token=f"{secrets.token_urlsafe(8)}:{secrets.token_urlsafe(99)}",
                name=subtype,
                agent_id=agent.agent_id,
                vapid_key=None if sender.isdigit() else vapid_point(sender),
                service=SERVICE,
                details={"from": sender, "category": said.get("app", "")},
            )
            self._mailbox.open(agent, channel)
        except (ValueError, TooManyChannelsError):
            return web.Response(text="Error=INVALID_PARAMETERS")
        return web.Response(text=f"token={channel.token}")

    # --- MCS ----------------------------------------------------------------------------------------------------------
    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._lines.add(task)
        line = _Line(writer, self._mailbox)
        agent: Agent | None = None
        try:
            await reader.readexactly(1)  # the client's protocol version
            line.say_version()
            while True:
                agent = self._hear(*await _frame(reader), line, agent)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, MalformedFieldError):
            pass  # the browser went away, or is none
        finally:
            if agent is not None:
                self._mailbox.disconnect(agent, line)
            line.close()
            self._lines.discard(task)

    def _hear(self, tag: int, body: bytes, line: _Line, agent: Agent | None) -> Agent | None:
        """Act on one frame; returns the agent that this line belongs to from now on."""
        message = list(fields(body))
        if tag in _LAST_STREAM_ID_RECEIVED:
            line.confirm_up_to(first_int(message, _LAST_STREAM_ID_RECEIVED[tag]))
        if tag == _PING:
            line.say(_PONG, b"")
        elif tag == _LOGIN:
            return self._login(message, line)
        return agent

    def _login(self, message: list[tuple[int, int | bytes]], line: _Line) -> Agent:
        agent = self._mailbox.agent(first_text(message, _LOGIN_USER))
        if agent is None:
            raise MalformedFieldError("the device has not checked in here")
        for number, value in message:
            if number == _LOGIN_RECEIVED and isinstance(value, bytes):
                self._mailbox.confirm(value.decode(errors="replace"))
        line.say(_LOGGED_IN, field_bytes(1, "1") + field_int(5, 1) + field_int(6, 0) + field_int(8, 1))
        self._mailbox.connect(agent, line)
        return agent


async def _frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """One frame: a tag byte, the length as a varint, the message."""
    tag = (await reader.readexactly(1))[0]
    size, shift = 0, 0
    while True:
        byte = (await reader.readexactly(1))[0]
        size |= (byte & 0x7F) << shift
        shift += 7
        if size > MCS_FRAME_BYTES_MAX or shift > 28:  # noqa: PLR2004 - four bytes of length reach far beyond the bound
            raise MalformedFieldError("a frame is too long")
        if byte < 0x80:  # noqa: PLR2004 - the high bit says that more follows
            return tag, await reader.readexactly(size)


def _data_stanza(channel: Channel, message: StoredMessage) -> bytes:
    parts = [
        field_bytes(3, channel.details["from"]),
        field_bytes(5, channel.details["category"]),
        _app_data("subtype", channel.name),
    ]
    if message.body:
        parts.append(_app_data("content-encoding", "aes128gcm"))
    parts += [
        field_bytes(9, message.version),
        field_int(17, message.ttl_s),
        field_int(18, int(message.accepted_at * 1000)),
        field_bytes(21, message.body),
    ]
    return b"".join(parts)


def _app_data(key: str, value: str) -> bytes:
    return field_bytes(7, field_bytes(1, key) + field_bytes(2, value))
