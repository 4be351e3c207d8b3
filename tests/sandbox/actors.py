"""The two sides that talk to the sandbox, written against the RFCs and not against its code."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Self

import aiohttp
import msgspec

from gateway.sandbox.devices import SubscriptionJson
from gateway.wire.ece import encrypt
from gateway.wire.vapid import VapidKey, VapidSigner, decode_base64url


class Clock:
    """Unix time that tests move by hand."""

    def __init__(self) -> None:
        self.now_s = time.time()

    def __call__(self) -> float:
        return self.now_s

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now_s += seconds


class Answer(msgspec.Struct, frozen=True):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class AppServer:
    """An application server: its key, its signature, one POST at a time."""

    def __init__(self, http: aiohttp.ClientSession, clock: Clock) -> None:
        self.http = http
        self._clock = clock
        self.key = VapidKey.generate()
        self.signer = VapidSigner(self.key, "mailto:push@shop.example")

    def headers(self, endpoint: str, **changes: str | None) -> dict[str, str]:
        """Right headers for an endpoint; a change to None leaves one out, `_` stands for `-`."""
        origin = "/".join(endpoint.split("/")[:3])
        right: dict[str, str | None] = {
            "TTL": "60",
            "Content-Encoding": "aes128gcm",
            "Authorization": self.signer.authorization(origin, self._clock()),
        }
        right |= {name.replace("_", "-"): value for name, value in changes.items()}
        return {name: value for name, value in right.items() if value is not None}

    async def post(self, endpoint: str, body: bytes, **changes: str | None) -> Answer:
        """One POST with right headers, but for the changes."""
        headers = self.headers(endpoint, **changes)
        async with self.http.post(endpoint, data=body, headers=headers, allow_redirects=False) as answer:
            return Answer(answer.status, answer.headers, await answer.read())

    async def send(self, subscription: SubscriptionJson, **changes: str | None) -> Answer:
        """Encrypt for a subscription and post."""
        return await self.post(subscription["endpoint"], sealed(subscription, b"{}"), **changes)


def sealed(subscription: SubscriptionJson, payload: bytes) -> bytes:
    """A body that the subscription's device can open."""
    p256dh, auth = map(decode_base64url, (subscription["keys"]["p256dh"], subscription["keys"]["auth"]))
    return encrypt(payload, p256dh=p256dh, auth=auth)


class FirefoxLine:
    """The user agent's end of the autopush protocol."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self._url = url
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self.uaid = ""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.hang_up()

    async def come(self) -> str:
        """Connect and say hello; returns the id that the push service gives."""
        self._socket = await self._http.ws_connect(self._url, protocols=("push-notification",))
        await self.say({"messageType": "hello", "uaid": self.uaid, "use_webpush": True, "broadcasts": {}})
        self.uaid = (await self.hear("hello"))["uaid"]
        return self.uaid

    async def hang_up(self) -> None:
        """Leave."""
        if self._socket is not None:
            await self._socket.close()

    async def register(self, channel: str, key: str | None) -> dict[str, Any]:
        """Ask for an endpoint."""
        await self.say({"messageType": "register", "channelID": channel, "key": key})
        return await self.hear("register")

    async def unregister(self, channel: str) -> None:
        """Give an endpoint back."""
        await self.say({"messageType": "unregister", "channelID": channel, "code": 200})
        await self.hear("unregister")

    async def ack(self, notification: Mapping[str, Any]) -> None:
        """Confirm a message, and wait until that was read (a ping comes back behind it)."""
        update = {"channelID": notification["channelID"], "version": notification["version"], "code": 100}
        await self.say({"messageType": "ack", "updates": [update]})
        await self.say({})
        await self.hear(None)

    async def say(self, words: Mapping[str, Any]) -> None:
        """Send one message."""
        assert self._socket is not None
        await self._socket.send_json(words)

    async def hear(self, kind: str | None = "notification") -> dict[str, Any]:
        """The next message, which must be of that kind."""
        assert self._socket is not None
        said = await self._socket.receive_json(timeout=5)
        assert said.get("messageType") == kind, said
        return said

    async def hears_nothing(self) -> bool:
        """Nothing is on the way: the answer to a ping comes first."""
        await self.say({})
        return await self.hear(None) == {}

    async def closed(self) -> bool:
        """The push service hangs up within 5 seconds."""
        assert self._socket is not None
        async with asyncio.timeout(5):
            while (await self._socket.receive()).type not in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED):
                continue
        return True
