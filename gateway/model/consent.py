"""The ledger of consents: one record for each time that somebody agreed, changed what to, or took it back.

Art. 7(1) of the GDPR asks who can show that consent was given; Art. 7(3) that it is taken back as easily. A record
tells when, by which text, on which page and in which way. It holds no address: neither the device's nor the network's.
"""

from datetime import datetime
from enum import IntEnum
from typing import Any, Final

import msgspec


class ConsentAct(IntEnum):
    """What was done. Numbers are for ever."""

    GIVEN = 1
    WITHDRAWN = 2
    CHANGED = 3
    """Other topics: the same consent for something else."""


class How(IntEnum):
    """In which way. Numbers are for ever."""

    PAGE = 1
    """A page of the shop."""
    APP = 2
    SERVER = 3
    """The shop's server, with a key."""
    LINK = 4
    """The gateway's own preference page, by the link of a message."""
    IMPORT = 5
    """Given elsewhere, and brought along with the device."""


ACT_WORDS: Final[dict[int, str]] = {act.value: act.name.lower() for act in ConsentAct}
HOW_WORDS: Final[dict[int, str]] = {how.value: how.name.lower() for how in How}


class ConsentRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One record. `said`: text, said_at, page, topics, location, as far as they are known."""

    subscription_id: int
    seq: int
    act: int
    how: int
    at: datetime
    person: str | None
    said: dict[str, Any]
    salt: bytes
    before: bytes
    """The hash of the record before; empty for a device's first."""
    hash: bytes
