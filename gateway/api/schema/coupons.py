"""Coupon pools on the wire."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.coupons.stock import LineFault
from gateway.model.limits import (
    COUPON_CODE_CHARS_MAX,
    COUPON_GENERATE_MAX,
    COUPON_LOW_MAX,
    SLUG_CHARS_MAX,
)

_LowAt = Annotated[int, Meta(ge=0, le=COUPON_LOW_MAX, description="So few codes left sound an alarm, once.")]


class PoolRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new pool of codes."""

    pool: Annotated[str, Meta(max_length=SLUG_CHARS_MAX, description="Its name in messages, such as `winter`.")]
    app: Annotated[str, Meta(description="May be left out: the key knows its app.")] | None = None
    name: Annotated[str, Meta(description="What people read; the pool's name in messages where it is left out.")] = ""
    expires_at: Annotated[datetime, Meta(tz=True, description="Of all codes that say nothing themselves.")] | None = (
        None
    )
    low_at: _LowAt | None = None


class PoolChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change of a pool; what is left out stays, null takes it away."""

    name: str | UnsetType = UNSET
    expires_at: Annotated[datetime, Meta(tz=True)] | UnsetType | None = UNSET
    low_at: _LowAt | UnsetType | None = UNSET


class PoolAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A pool. `is_low`: its alarm was given, and it was not filled since."""

    pool: str
    name: str
    expires_at: datetime | None
    low_at: int | None
    is_low: bool
    created_at: datetime


class PoolPage(msgspec.Struct, frozen=True):
    """Pools in the order of their names."""

    data: list[PoolAnswer]
    next: str | None


class MessageShareAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What one message gave. `sent`: codes that reached a device, null until the message is over."""

    message: str
    given: int
    sent: int | None
    redeemed: int


class PoolReportAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A pool and what became of its codes; messages with the most codes first, at most 100."""

    pool: str
    name: str
    expires_at: datetime | None
    low_at: int | None
    is_low: bool
    created_at: datetime
    codes: int
    left: int
    expired: int
    given: int
    redeemed: int
    messages: list[MessageShareAnswer]


class StockAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """imported: new codes. known: codes that were there already. errors: the first 100 lines that were left out."""

    imported: int
    known: int
    rejected: int
    errors: list[LineFault]


class GenerateRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Codes to be made."""

    pattern: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=COUPON_CODE_CHARS_MAX,
            description="Such as `WINTER-####-????`: `#` a digit, `?` a letter, `*` either, without 0 O 1 I L.",
        ),
    ]
    count: Annotated[int, Meta(ge=1, le=COUPON_GENERATE_MAX)]


class RedeemRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A code that was used."""

    code: Annotated[str, Meta(min_length=1, max_length=COUPON_CODE_CHARS_MAX)]


class RedeemAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The code is used up. `message`: what gave it, if a message did."""

    code: str
    message: str | None
