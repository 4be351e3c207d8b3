"""Pools: made, changed, deleted, and the report of what became of their codes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from gateway.model.app import App
from gateway.model.audience import SLUG
from gateway.model.coupon import Pool
from gateway.model.errors import Conflict, Invalid, NotFound
from gateway.model.limits import COUPON_POOLS_PER_APP_MAX, COUPON_REPORT_MESSAGES_MAX, SLUG_CHARS_MAX
from gateway.store import coupon_codes, coupon_given, coupon_pools
from gateway.store.coupon_codes import CodeSums
from gateway.store.database import Queryable

_KEEP: Final = msgspec.UNSET


class MessageShare(msgspec.Struct, frozen=True, kw_only=True):
    """What one message gave of a pool. `sent`: codes that reached a device; None until the message is over."""

    message_id: int
    given: int
    sent: int | None
    redeemed: int


class PoolReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a pool's codes. codes = left + expired + given, and those redeemed that nobody was given."""

    pool: Pool
    codes: int
    left: int
    expired: int
    given: int
    redeemed: int
    messages: list[MessageShare]


async def create(
    db: Queryable, app: App, *, slug: str, name: str, expires_at: datetime | None, low_at: int | None, now: datetime
) -> Pool:
    """A new, empty pool. Raises `Invalid`, `Conflict`."""
    if SLUG.fullmatch(slug) is None or len(slug) > SLUG_CHARS_MAX:
        raise Invalid("field_invalid", "A pool's name has lower-case letters, digits, `.`, `-` and `_`.", param="pool")
    shown = check_name(name or slug)
    check_expiry(expires_at, now)
    made = await coupon_pools.insert(
        db,
        app_id=app.id,
        slug=slug,
        name=shown,
        expires_at=expires_at,
        low_at=low_at,
        total_max=COUPON_POOLS_PER_APP_MAX,
    )
    if made is not None:
        return made
    if await coupon_pools.by_slug(db, app_id=app.id, slug=slug) is not None:
        raise Conflict("name_taken", "There is a pool of that name already.", param="pool")
    raise Conflict("coupon_pools_too_many", f"The app has {COUPON_POOLS_PER_APP_MAX} pools, the most there may be.")


async def change(
    db: Queryable,
    app: App,
    slug: str,
    *,
    name: str | msgspec.UnsetType,
    expires_at: datetime | msgspec.UnsetType | None,
    low_at: int | msgspec.UnsetType | None,
) -> Pool:
    """The pool with what was said changed. Raises `NotFound`, `Invalid`."""
    pool = await get(db, app, slug)
    changed = msgspec.structs.replace(
        pool,
        name=pool.name if isinstance(name, msgspec.UnsetType) else check_name(name),
        expires_at=pool.expires_at if isinstance(expires_at, msgspec.UnsetType) else expires_at,
        low_at=pool.low_at if isinstance(low_at, msgspec.UnsetType) else low_at,
    )
    is_there = await coupon_pools.change(
        db, app_id=app.id, pool_id=pool.id, name=changed.name, expires_at=changed.expires_at, low_at=changed.low_at
    )
    if not is_there:
        raise NotFound("pool")
    return changed


async def get(db: Queryable, app: App, slug: str) -> Pool:
    """A pool of the app. Raises `NotFound`."""
    pool = await coupon_pools.by_slug(db, app_id=app.id, slug=slug) if SLUG.fullmatch(slug) is not None else None
    if pool is None:
        raise NotFound("pool")
    return pool


async def delete(db: Queryable, app: App, slug: str) -> None:
    """Takes a pool out of use at once; its codes are deleted in the background. Raises `NotFound`."""
    if SLUG.fullmatch(slug) is None or not await coupon_pools.mark_deleted(db, app_id=app.id, slug=slug):
        raise NotFound("pool")


async def report(db: Queryable, app: App, slug: str) -> PoolReport:
    """What became of the codes of a pool. All of its rows are counted. Raises `NotFound`."""
    pool = await get(db, app, slug)
    sums = await coupon_codes.sums(db, app_id=app.id, buckets=app.buckets, pool_id=pool.id)
    settled = await coupon_given.settled(db, app_id=app.id, buckets=app.buckets, pool_id=pool.id)
    return PoolReport(
        pool=pool,
        codes=sum(_all_of(one) for one in sums),
        left=sum(one.free for one in sums),
        expired=sum(one.expired for one in sums),
        given=sum(one.taken + one.given for one in sums),
        redeemed=sum(one.redeemed for one in sums),
        messages=_shares(sums, settled),
    )


def check_name(name: str) -> str:
    """The name that people read."""
    shown = name.strip()
    if not shown.isprintable() or not 0 < len(shown) <= SLUG_CHARS_MAX:
        raise Invalid("field_invalid", f"A name has 1 to {SLUG_CHARS_MAX} printable characters.", param="name")
    return shown


def check_expiry(expires_at: datetime | None, now: datetime) -> None:
    """Raises `Invalid` for a pool that would be over before it began."""
    if expires_at is not None and expires_at <= now:
        raise Invalid("field_invalid", "This time is over.", param="expires_at")


def _all_of(one: CodeSums) -> int:
    unowned = one.redeemed if one.message_id is None else 0
    return one.free + one.expired + one.taken + one.given + unowned


def _shares(sums: Sequence[CodeSums], settled: set[int]) -> list[MessageShare]:
    shares = [
        MessageShare(
            message_id=one.message_id,
            given=one.taken + one.given,
            sent=one.given if one.message_id in settled else None,
            redeemed=one.redeemed,
        )
        for one in sums
        if one.message_id is not None
    ]
    return sorted(shares, key=lambda one: (-one.given, one.message_id))[:COUPON_REPORT_MESSAGES_MAX]
