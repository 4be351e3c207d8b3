"""A message made ready, a group of its recipients, and the rules that are asked about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Protocol

import msgspec

from gateway.model.delivery import Device
from gateway.model.message import Message
from gateway.model.work import Chunk
from gateway.policy.ending import Fate
from gateway.policy.receipt_token import ReceiptSigner
from gateway.transports.base import Compiled


class Prepared(msgspec.Struct, frozen=True, eq=False):
    """A message compiled for sending: made once per process, used for each of its recipients."""

    message: Message
    day: date
    compiled: dict[str, Compiled]
    signer: ReceiptSigner
    topic_ids: Mapping[str, int]
    ttl_s: int
    collapse_key: str
    rules: tuple[Rule, ...] = ()
    """What is to be asked about each group before it is sent."""
    reads_person: bool = False
    """Whether rules or texts need more of a recipient than sending does."""


class Group(msgspec.Struct, frozen=True):
    """The next recipients of a chunk. `missing` were named and are not to be reached any more."""

    devices: list[Device]
    missing: list[int]
    cursor: int
    is_last: bool


class Decision(msgspec.Struct, frozen=True):
    """What a rule says of a group, by subscription id.

    fates: who is not sent to now, `End` (skipped) or `Again` (held). given: values for the text of this one person,
    such as a coupon's code.
    """

    fates: Mapping[int, Fate] = {}
    given: Mapping[int, Mapping[str, Any]] = {}


class Rule(Protocol):
    """One reason to hold or skip somebody (the night where they are, a cap, ...), in a file of its own."""

    async def decide(self, ready: Prepared, chunk: Chunk, devices: Sequence[Device], *, now: datetime) -> Decision:
        """Who of these does not get the message now, and what the others are given. Raises `StoreUnavailable`."""
        ...
