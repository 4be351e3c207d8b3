"""What stands in for the bytes below a provider: a client that answers to order, and one that reaches nobody."""

from collections.abc import Mapping
from typing import Any

from gateway.transports.base import Transport, Wire
from gateway.wire.egress import EgressPolicy, Target
from gateway.wire.http1 import Answer, FailureKind, WireFailure

NOW_S = 1_800_000_000.0


class FakeHttp:
    """Takes each request and gives the next answer (or failure); the last one for ever."""

    def __init__(self, *answers: Answer | FailureKind) -> None:
        self._answers = list(answers) or [Answer(201, {}, b"")]
        self.requests: list[tuple[Target, dict[str, str], bytes]] = []

    async def post(self, target: Target, headers: Mapping[str, str], body: bytes) -> Answer:
        self.requests.append((target, dict(headers), body))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Answer):
            return answer
        raise WireFailure(answer, "push.example: it did not work")


def made(provider: type[Transport], http: Any = None, *, hosts: tuple[str, ...] | None = None) -> Transport:
    """The provider on these bytes. `hosts`: what it may contact, its own hosts when None."""
    policy = EgressPolicy.of(defaults=provider.hosts if hosts is None else hosts)
    client: Any = http or FakeHttp()
    return provider(Wire(egress=policy, http=client, clock=lambda: NOW_S))
