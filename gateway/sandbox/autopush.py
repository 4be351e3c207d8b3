"""The line to Firefox: Mozilla's autopush protocol over a websocket.

Source: dom/push/PushServiceWebSocket.sys.mjs of Firefox ESR 153 and autopush-rs' documentation. Messages are JSON
text with a `messageType`; the empty object is a ping. Close code 4774 would tell Firefox never to come back.
"""

import asyncio
from base64 import urlsafe_b64encode
from collections import deque
from collections.abc import Callable
from secrets import token_hex, token_urlsafe
from typing import Final, cast

import msgspec
from aiohttp import WSMsgType, web

from gateway.sandbox.devices import vapid_point
from gateway.sandbox.limits import ACKS_MAX
from gateway.sandbox.mailbox import Agent, Channel, Mailbox, StoredMessage, TooManyChannelsError

SERVICE: Final = "webpush"
SUBPROTOCOL: Final = "push-notification"
_FRAME_BYTES_MAX: Final = 64 * 1024
_QUEUE_MAX: Final = 10_000


class Ack(msgspec.Struct, frozen=True):
    """What a browser said about a message or a channel.

    `ack` 100 handed to the worker, 101 could not be decrypted, 102 not delivered; `nack` 301 handler threw,
    302 waitUntil rejected, 303 internal; `unregister` 200 by the page, 201 quota, 202 permission revoked.
    """

    kind: str
    channel: str
    version: str
    code: int


class _Update(msgspec.Struct):
    channel: str = msgspec.field(name="channelID")
    version: str = ""
    code: int = 100


class _FromFirefox(msgspec.Struct):
    """Every message that Firefox sends, with the fields that matter here."""

    kind: str = msgspec.field(name="messageType", default="ping")
    uaid: str = ""
    channel: str = msgspec.field(name="channelID", default="")
    key: str | None = None
    code: int = 0
    version: str = ""
    updates: list[_Update] = []


_decoder = msgspec.json.Decoder(_FromFirefox)


class _Line:
    """One websocket. `deliver` only queues: a push must not wait for a slow browser."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket
        self._queue: asyncio.Queue[dict[str, object] | None] = asyncio.Queue(maxsize=_QUEUE_MAX)

    def deliver(self, channel: Channel, message: StoredMessage) -> None:
        notification: dict[str, object] = {
            "messageType": "notification",
            "channelID": channel.name,
            "version": message.version,
        }
        if message.body:
            notification["data"] = urlsafe_b64encode(message.body).rstrip(b"=").decode("ascii")
            notification["headers"] = {"encoding": "aes128gcm"}
        self.say(notification)

    def say(self, words: dict[str, object]) -> None:
        if self._queue.full():
            self.close()
            return
        self._queue.put_nowait(words)

    def close(self) -> None:
        while not self._queue.empty():
            self._queue.get_nowait()
        self._queue.put_nowait(None)

    async def pump(self) -> None:
        """Send what is queued until told to hang up."""
        while (words := await self._queue.get()) is not None:
            await self._socket.send_str(msgspec.json.encode(words).decode())
        await self._socket.close()


class Autopush:
    """Serves Firefox's websockets, and remembers what browsers said about messages."""

    def __init__(self, mailbox: Mailbox, *, endpoint_base: Callable[[], str]) -> None:
        """`endpoint_base` tells what a token is put behind to make an endpoint."""
        self._mailbox = mailbox
        self._endpoint_base = endpoint_base
        self.acks: deque[Ack] = deque(maxlen=ACKS_MAX)

    async def serve(self, request: web.BaseRequest) -> web.WebSocketResponse:
        """One websocket from its handshake to its end."""
        socket = web.WebSocketResponse(protocols=(SUBPROTOCOL,), max_msg_size=_FRAME_BYTES_MAX)
        await socket.prepare(request)
        line = _Line(socket)
        pump = asyncio.create_task(line.pump())
        agent: Agent | None = None
        try:
            async for frame in socket:
                if frame.type is not WSMsgType.TEXT:
                    break
                agent = self._hear(_decoder.decode(cast("str", frame.data)), line, agent)
        except msgspec.DecodeError:
            await socket.close(code=1002)
        finally:
            if agent is not None:
                self._mailbox.disconnect(agent, line)
            pump.cancel()
        return socket

    def _hear(self, said: _FromFirefox, line: _Line, agent: Agent | None) -> Agent | None:
        """Act on one message; returns the agent that this line belongs to from now on."""
        match said.kind:
            case "ping":
                line.say({})
            case "hello":
                return self._hello(said, line)
            case "register" if agent is not None:
                self._register(said, line, agent)
            case "unregister" if agent is not None:
                self._unregister(said, line, agent)
            case "ack":
                self._ack(said)
            case "nack":
                self.acks.append(Ack("nack", said.channel, said.version, said.code))
            case _:
                pass  # broadcast_subscribe and what later versions may add: of no interest to web push
        return agent

    def _hello(self, said: _FromFirefox, line: _Line) -> Agent:
        # An unknown id gets a new one: that is how a push service says that it has lost all its subscriptions.
        agent = self._mailbox.agent(said.uaid) or self._mailbox.add_agent(token_hex(16), SERVICE)
        line.say({"messageType": "hello", "uaid": agent.agent_id, "status": 200, "use_webpush": True, "broadcasts": {}})
        self._mailbox.connect(agent, line)
        return agent

    def _register(self, said: _FromFirefox, line: _Line, agent: Agent) -> None:
        answer: dict[str, object] = {"messageType": "register", "channelID": said.channel}
        try:
            channel = Channel(
                token=token_urlsafe(48),
                name=said.channel,
                agent_id=agent.agent_id,
                vapid_key=vapid_point(said.key),
                service=SERVICE,
            )
            self._mailbox.open(agent, channel)
        except (ValueError, TooManyChannelsError):
            line.say({**answer, "status": 400})
            return
        line.say({**answer, "status": 200, "pushEndpoint": self._endpoint_base() + channel.token})

    def _unregister(self, said: _FromFirefox, line: _Line, agent: Agent) -> None:
        self.acks.append(Ack("unregister", said.channel, "", said.code))
        self._mailbox.close(agent, said.channel)
        line.say({"messageType": "unregister", "channelID": said.channel, "status": 200})

    def _ack(self, said: _FromFirefox) -> None:
        for update in said.updates:
            self.acks.append(Ack("ack", update.channel, update.version, update.code))
            self._mailbox.confirm(update.version)
