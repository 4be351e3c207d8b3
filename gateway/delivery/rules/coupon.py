"""Who gets which coupon code. Asked last: a code is given only to those who are about to be sent to.

Each person gets one code of a message, on all of their devices the same. A device of nobody's counts as a person.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from gateway.delivery.coupons import Asked, CodeGiver
from gateway.delivery.group import Decision, Prepared
from gateway.delivery.keys import Keys, app_if_there
from gateway.model.coupon import ConfirmedCode, CouponTerm, Pool
from gateway.model.delivery import Code, Device
from gateway.model.limits import COUPON_POOL_KEPT_S, COUPON_POOLS_KEPT_MAX
from gateway.model.work import Chunk
from gateway.policy.ending import Again, End, Fate
from gateway.policy.owners import owner_of
from gateway.store import coupon_codes, coupon_pools
from gateway.store.database import Database

_NONE_LEFT = End(Code.SKIPPED_COUPON)
_A_MOMENT = Again("coupon", 5.0, is_counted=False, is_exact=True)
"""Codes of somebody who died come back when their lease ends: nobody goes without one for that."""


class Coupons:
    """Makes the rules of one process; knows its pools for a few seconds."""

    def __init__(self, db: Database, keys: Keys, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._db = db
        self._keys = keys
        self._clock = clock
        self._pools: dict[tuple[int, str], tuple[float, Pool | None]] = {}
        self._giver = CodeGiver(db)

    def rule(self, term: CouponTerm) -> "CouponRule":
        """The rule of a message that gives codes of this pool."""
        return CouponRule(self, term)

    async def codes_for(
        self, term: CouponTerm, ready: Prepared, chunk: Chunk, devices: Mapping[str, Sequence[int]], *, now: datetime
    ) -> dict[str, tuple[ConfirmedCode, datetime | None]]:
        """By owner the code and when it expires. Who is not in it got none."""
        pool = await self._pool(chunk.key.app_id, term.pool)
        if pool is None:
            return {}
        app = await app_if_there(self._keys, chunk.key.app_id)
        if app is None:
            return {}
        found = await self._giver.codes_for(
            Asked(app, ready.message.id, pool),
            devices,
            first_bucket=chunk.key.bucket,
            may_take=pool.expires_at is None or pool.expires_at > now,
        )
        return {owner: (one, one.expires_at or pool.expires_at) for owner, one in found.items()}

    async def may_come_back(self, term: CouponTerm, chunk: Chunk) -> bool:
        """Whether the pool is only empty because codes are with somebody who may not need them, such as the dead."""
        pool = await self._pool(chunk.key.app_id, term.pool)
        app = await app_if_there(self._keys, chunk.key.app_id)
        if pool is None or app is None:
            return False
        return await coupon_codes.are_some_taken(self._db, app_id=app.id, buckets=app.buckets, pool_id=pool.id)

    async def _pool(self, app_id: int, slug: str) -> Pool | None:
        kept = self._pools.get((app_id, slug))
        if kept is not None and self._clock() - kept[0] < COUPON_POOL_KEPT_S:
            return kept[1]
        if len(self._pools) >= COUPON_POOLS_KEPT_MAX:
            self._pools.clear()
        pool = await coupon_pools.by_slug(self._db, app_id=app_id, slug=slug)
        self._pools[app_id, slug] = (self._clock(), pool)
        return pool


class CouponRule:
    """One message's."""

    def __init__(self, coupons: Coupons, term: CouponTerm) -> None:
        self._coupons = coupons
        self._term = term

    async def decide(self, ready: Prepared, chunk: Chunk, devices: Sequence[Device], *, now: datetime) -> Decision:
        """Codes for these, and who is skipped because none was left. Raises `StoreUnavailable`."""
        owners: dict[str, list[int]] = {}
        for device in devices:
            owners.setdefault(owner_of(device.person, device.subscription_id), []).append(device.subscription_id)
        found = await self._coupons.codes_for(self._term, ready, chunk, owners, now=now)
        empty = [number for owner, numbers in owners.items() if owner not in found for number in numbers]
        fates: dict[int, Fate] = {}
        if empty and await self._coupons.may_come_back(self._term, chunk):
            fates = dict.fromkeys(empty, _A_MOMENT)
        elif self._term.on_empty == "skip":
            fates = dict.fromkeys(empty, _NONE_LEFT)
        return Decision(
            fates=fates,
            given={
                number: {"coupon": _said(code, expires_at)}
                for owner, (code, expires_at) in found.items()
                for number in owners[owner]
            },
        )


def _said(code: ConfirmedCode, expires_at: datetime | None) -> dict[str, Any]:
    return {"code": code.code, "expires_at": None if expires_at is None else expires_at.isoformat()}
