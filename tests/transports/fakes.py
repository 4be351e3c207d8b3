"""What stands in for the bytes below a provider: a client that answers to order, and one that reaches nobody."""

import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from gateway.transports.base import Token, Tokens, Transport, Wire
from gateway.wire.egress import EgressPolicy, Target
from gateway.wire.exchange import ANYONE, Answer, FailureKind, Fields, Peer, WireFailure
from gateway.wire.pool import HttpClient

NOW_S = 1_800_000_000.0


class FakeHttp:
    """Takes each request and gives the next answer (or failure); the last one for ever."""

    def __init__(self, *answers: Answer | FailureKind) -> None:
        self._answers = list(answers) or [Answer(201, {}, b"")]
        self.requests: list[tuple[Target, dict[str, str], bytes]] = []
        self.peers: list[Peer] = []

    async def post(
        self,
        target: Target,
        fixed: Fields,
        own: Sequence[tuple[str, str]],
        body: bytes,
        *,
        peer: Peer = ANYONE,
        deadline_s: float | None = None,
        wants_body: bool = False,
    ) -> Answer:
        del deadline_s, wants_body
        self.peers.append(peer)
        self.requests.append((target, dict([*fixed.pairs, *own]), body))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Answer):
            return answer
        raise WireFailure(answer, "push.example: it did not work")


class OwnTokens:
    """Tokens that no other process shares."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._kept: dict[str, Token] = {}

    async def get(
        self,
        name: str,
        make: Callable[[], Awaitable[Token]],
        *,
        renew_after_s: float,
        refused: str | None = None,
        age_s_min: float = 0.0,
    ) -> Token:
        kept = self._kept.get(name)
        if kept is not None:
            age_s = self._clock() - kept.made_at_s
            if age_s < renew_after_s and (refused != kept.text or age_s < age_s_min):
                return kept
        self._kept[name] = await make()
        return self._kept[name]


class GivenTokens:
    """Tokens that somebody else has made: nobody is asked for them."""

    async def get(self, name: str, make: Callable[[], Awaitable[Token]], **_wishes: Any) -> Token:
        del name, make
        return Token(text="given", made_at_s=NOW_S, expires_at_s=NOW_S + 3600)


def wire_on(
    http: HttpClient,
    egress: EgressPolicy,
    clock: Callable[[], float] = time.time,
    *,
    tokens: Tokens | None = None,
) -> Wire:
    """What a provider stands on in a process of its own."""
    return Wire(egress=egress, http=http, clock=clock, tokens=tokens or OwnTokens(clock), dice=random.Random(1))


def made(provider: type[Transport], http: Any = None, *, hosts: tuple[str, ...] | None = None) -> Transport:
    """The provider on these bytes. `hosts`: what it may contact, its own hosts when None."""
    policy = EgressPolicy.of(defaults=provider.hosts if hosts is None else hosts)
    client: Any = http or FakeHttp()
    return provider(wire_on(client, policy, lambda: NOW_S, tokens=GivenTokens()))
