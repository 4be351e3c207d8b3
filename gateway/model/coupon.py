"""Coupons: pools of codes, each for one person of one message."""

from datetime import datetime
from enum import IntEnum
from typing import Literal

import msgspec

OnEmpty = Literal["skip", "send"]


class CouponTerm(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message gives each person a code of this pool. on_empty: whether those get it who come when none is left."""

    pool: str
    on_empty: OnEmpty = "skip"


class CodeState(IntEnum):
    """Numbers are for ever."""

    FREE = 0
    TAKEN = 1
    """Under a lease, on its way to somebody."""
    GIVEN = 2
    REDEEMED = 4


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """A pool of codes. `low_at`: so few left are worth an alarm; `low_told_at`: when it was given."""

    app_id: int
    id: int
    slug: str
    name: str
    expires_at: datetime | None
    low_at: int | None
    low_told_at: datetime | None
    created_at: datetime


class NewCode(msgspec.Struct, frozen=True, gc=False):
    """A code on its way into a pool. `expires_at` None: with its pool."""

    code: str
    expires_at: datetime | None = None


class TakenCode(msgspec.Struct, frozen=True, gc=False):
    """A code that was taken from its pool for somebody, and is not theirs yet."""

    bucket: int
    code: str
    owner: str


class GivenCode(msgspec.Struct, frozen=True, gc=False):
    """What somebody was given by a message: the code, where it lies, and the devices that were to show it."""

    owner: str
    pool_id: int
    code: str
    code_bucket: int
    devices: tuple[int, ...]


class ConfirmedCode(msgspec.Struct, frozen=True, gc=False):
    """A code that is somebody's for good. `expires_at`: the code's own."""

    owner: str
    code: str
    expires_at: datetime | None
