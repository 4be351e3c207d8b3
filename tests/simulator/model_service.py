"""A push service as a model: takes pushes, writes them into a ledger, and answers by dice in every way there is."""

import asyncio
import random
from collections.abc import Mapping
from typing import Any, ClassVar, Final

import msgspec

from gateway.model.delivery import (
    Accepted,
    Gone,
    Misconfigured,
    Outcome,
    Rejected,
    Retry,
    Suspect,
)
from gateway.model.delivery import Push as Request
from gateway.transports.base import Credential, Medium, Pace
from tests.chaos.evidence import Push
from tests.simulator.link import Link

NAME: Final = "model"
_SLOW_S: Final = (2.5, 9.0)


class Mood(msgspec.Struct, frozen=True):
    """How often what is answered, of a hundred; the rest is accepted."""

    gone: int = 0
    rejected: int = 0
    suspect: int = 0
    misconfigured: int = 0
    later: int = 0
    slower: int = 0
    lost: int = 0
    """The connection broke before the service had the push."""
    unheard: int = 0
    """It took the push, and its answer was lost."""
    bug: int = 0
    """Our own code raises."""
    slow: int = 0
    """Takes seconds, whatever it answers."""


class ModelService:
    """All push services of a history. Its ledger does not forget what a dying process had sent."""

    def __init__(self, dice: random.Random) -> None:
        self.mood = Mood()
        self.ledger: list[Push] = []
        self.declared_gone: set[int] = set()
        self._dice = dice

    def drawn(self) -> str:
        """What this push meets."""
        names = [field for field in Mood.__struct_fields__ if field != "slow"]
        weights = [getattr(self.mood, name) for name in names]
        return self._dice.choices([*names, "accepted"], [*weights, max(0, 100 - sum(weights))])[0]

    def duration_s(self) -> float:
        """How long its answer takes."""
        is_slow = self._dice.random() * 100 < self.mood.slow
        return self._dice.uniform(*_SLOW_S) if is_slow else self._dice.uniform(0.005, 0.4)


class ModelTransport:
    """One process' transport to them."""

    name: ClassVar[str] = NAME
    medium: ClassVar[Medium] = "push"
    hosts: ClassVar[tuple[str, ...]] = ()
    pace: ClassVar[Pace] = Pace()

    def __init__(self, service: ModelService, link: Link) -> None:
        self._service = service
        self._link = link

    def lane_of(self, wire: bytes) -> str:
        """Two services."""
        return f"service {int(wire) % 2}"

    def payload_bytes_max(self, platform: int) -> int:
        """Enough."""
        return 4000 + platform

    async def send(self, push: Request, credential: Credential) -> Outcome:
        """One request. What was handed over arrives, whatever becomes of us."""
        loop = asyncio.get_running_loop()
        asked_s = loop.time()
        await self._link.gate()
        service = self._service
        drawn, takes_s = service.drawn(), service.duration_s()
        taken = Push(credential.app_id, int(push.payload), int(push.wire), asked_s, answer_lost=drawn == "unheard")
        if drawn in {"accepted", "unheard"}:
            loop.call_later(takes_s / 2, service.ledger.append, taken)
        if drawn == "gone":
            service.declared_gone.add(taken.subscription)
        await asyncio.sleep(takes_s)
        await self._link.gate()
        return _answer(drawn, service)

    # What delivery does not ask of a transport.
    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


def _answer(drawn: str, service: ModelService) -> Outcome:
    match drawn:
        case "accepted":
            return Accepted()
        case "gone":
            return Gone("unsubscribed")
        case "rejected":
            return Rejected("too_large")
        case "suspect":
            return Suspect("vapid_refused")
        case "misconfigured":
            return Misconfigured("blocked")
        case "later":
            return Retry("unavailable")
        case "slower":
            return Retry("throttled", after_s=5.0, scope="lane")
        case "lost" | "unheard":
            return Retry("broken", unknown=True)
        case _:
            del service
            raise RuntimeError("a fault of our own")


def credentials() -> Mapping[int, Credential]:
    """The one key."""
    key = Credential(app_id=1, id=1, public_id=1, provider=NAME, is_current=True, public={}, secret=b"")
    return {1: key}
