"""A message made ready, a group of its recipients, and the rules that are asked about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Protocol

import msgspec

from gateway.delivery.names import LiveNames
from gateway.model.delivery import Device
from gateway.model.message import Message
from gateway.model.work import Chunk, GroupResult
from gateway.policy.ending import Fate
from gateway.policy.receipt_token import ReceiptSigner
from gateway.transports.base import Compiled


class Prepared(msgspec.Struct, frozen=True, eq=False):
    """A message compiled for sending: made once per process, used for each of its recipients."""

    message: Message
    day: date
    compiled: dict[str, Compiled]
    signer: ReceiptSigner
    names: LiveNames
    ttl_s: int
    collapse_key: str
    rules: tuple[Rule, ...] = ()
    """What is to be asked about each group before it is sent."""
    reads_person: bool = False
    """Whether rules or texts need more of a recipient than sending does."""
    variants: tuple[Mapping[str, Compiled], ...] = ()
    """Of a message with variants: each one's content, by provider as in `compiled`."""

    def compiled_for(self, device: Device) -> Compiled:
        """What this device is sent: its variant, where the message has some."""
        if self.variants and device.given is not None and "variant" in device.given:
            return self.variants[device.given["variant"]][device.provider]
        return self.compiled[device.provider]


class Stay(Protocol):
    """What a rule holds on to while those it let pass are on their way."""

    def settled(self, result: GroupResult, *, now_s: float) -> None:
        """What became of them is in the store; those who are late (`result.late`) are settled once more."""
        ...

    def left(self) -> None:
        """Nothing is settled of them any more, here at least. May be said more than once."""
        ...


class Group(msgspec.Struct, frozen=True):
    """The next recipients of a chunk. `missing` were named and are not to be reached any more."""

    devices: list[Device]
    missing: list[int]
    cursor: int
    is_last: bool
    passed: int = 0
    """Recipients of the chunk who were read and are not in this phase of an experiment."""
    stays: tuple[Stay, ...] = ()
    """Whoever has a group tells each of them what becomes of it."""

    def settled(self, result: GroupResult, *, now_s: float) -> None:
        """Tells that the group is in the store."""
        for stay in self.stays:
            stay.settled(result, now_s=now_s)

    def left(self) -> None:
        """Tells that the group is given up or given back."""
        for stay in self.stays:
            stay.left()


def arm_of(device: Device) -> int:
    """Which arm of an experiment this device is in (`model.variant`); 0 without one."""
    return device.given.get("arm", 0) if device.given else 0


class Decision(msgspec.Struct, frozen=True):
    """What a rule says of a group, by subscription id.

    fates: who is not sent to now, `End` (skipped) or `Again` (held). given: values for the text of this one person,
    such as a coupon's code. stays: what is to be told when the group is settled.
    """

    fates: Mapping[int, Fate] = {}
    given: Mapping[int, Mapping[str, Any]] = {}
    stays: tuple[Stay, ...] = ()


class Rule(Protocol):
    """One reason to hold or skip somebody (the night where they are, a cap, ...), in a file of its own."""

    async def decide(self, ready: Prepared, chunk: Chunk, devices: Sequence[Device], *, now: datetime) -> Decision:
        """Who of these does not get the message now, and what the others are given. Raises `StoreUnavailable`."""
        ...
