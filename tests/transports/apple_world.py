"""A provider for Apple's devices on stand-ins: time that tests move, shared tokens, a client that answers to order."""

import asyncio
import random
from typing import Any

import msgspec

from gateway.model.delivery import Accepted, Push
from gateway.model.message import Content
from gateway.transports.apns import Provider
from gateway.transports.base import Credential, Wire
from gateway.wire.egress import EgressPolicy
from gateway.wire.exchange import Answer
from tests.transports.apple_material import DEVICE
from tests.transports.fakes import NOW_S, FakeHttp, OwnTokens, wire_on

MESSAGE = 2**61 + 5
OK = Answer(200, {}, b"")
EXPIRED = Answer(403, {}, b'{"reason":"ExpiredProviderToken"}')


class Clock:
    """Time that tests move."""

    def __init__(self) -> None:
        self.now_s = NOW_S

    def __call__(self) -> float:
        return self.now_s


class Http(FakeHttp):
    """Answers in the next turn of the loop, as a network does, and finds one provider token too old."""

    expired = ""

    async def post(self, target: Any, fixed: Any, own: Any, body: bytes, **options: Any) -> Answer:
        answer = await super().post(target, fixed, own, body, **options)
        await asyncio.sleep(0)
        is_expired = self.expired and dict(fixed.pairs).get("authorization") == f"bearer {self.expired}"
        return EXPIRED if is_expired else answer


class Apple:
    """A provider with a clock, shared tokens and a client that answers to order."""

    def __init__(
        self,
        *answers: Any,
        tokens: OwnTokens | None = None,
        clock: Clock | None = None,
        seed: int = 1,
        **settings: str,
    ) -> None:
        self.clock = clock or Clock()
        self.http = Http(*(answers or (OK,)))
        self.tokens = tokens or OwnTokens(self.clock)
        client: Any = self.http
        egress = EgressPolicy.of(defaults=[*Provider.hosts, "push.rehearsal.example:8443"])
        wire: Wire = msgspec.structs.replace(
            wire_on(client, egress, self.clock),
            tokens=self.tokens,
            settings={"apns": settings},
            dice=random.Random(seed),
        )
        self.provider = Provider(wire)

    async def send(self, credential: Credential, device: dict[str, Any] = DEVICE, **changed: Any) -> Any:
        """The outcome of one push."""
        push = Push(1, 1, self.provider.address(device).wire, b"{}", 3600, "normal", "order-7")
        return await self.provider.send(msgspec.structs.replace(push, **changed), credential)

    async def headers(
        self, credential: Credential, content: Content, device: Any = DEVICE, **changed: Any
    ) -> dict[str, str]:
        """What Apple sees of a message."""
        options = self.provider.compile(content, message_id=MESSAGE).options
        outcome = await self.send(credential, device, options=options, urgency=content.urgency, **changed)
        assert isinstance(outcome, Accepted)
        return self.http.requests[-1][1]

    @property
    def texts(self) -> list[str]:
        """The provider tokens of all requests so far."""
        return [headers["authorization"].removeprefix("bearer ") for _, headers, _ in self.http.requests]
