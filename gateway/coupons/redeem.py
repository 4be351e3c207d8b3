"""Redemption: the shop says that somebody used a code, by a call of its own or along with an event."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from gateway.coupons import pools
from gateway.model.app import App
from gateway.model.coupon import CodeState
from gateway.model.errors import Conflict, NotFound
from gateway.model.ids import bucket_of_text
from gateway.model.limits import COUPONS_PER_EVENTS_MAX
from gateway.policy.coupon_pattern import is_code
from gateway.store import coupon_codes, coupon_pools
from gateway.store.database import Queryable

EVENT = "coupon_redeemed"
"""An event of this name says it with `code` or `coupon`; any other one, such as an order, with `coupon`."""


class Redeemed(msgspec.Struct, frozen=True):
    """A code that was used now for the first time, and the message that gave it, if one did."""

    code: str
    message_id: int | None


async def redeem(db: Queryable, app: App, slug: str, code: str, *, at: datetime) -> Redeemed:
    """Marks a code as used. Raises `NotFound`, and `Conflict` for one that was used before or has expired."""
    pool = await pools.get(db, app, slug)
    bucket = _bucket(app, code)
    if pool.expires_at is None or pool.expires_at > at:
        found = await coupon_codes.redeem(db, app_id=app.id, pool_ids=[pool.id], codes=[(bucket, code)], at=at)
        if found:
            return Redeemed(code, found[0][2])
    known = await coupon_codes.find(db, app_id=app.id, bucket=bucket, pool_id=pool.id, code=code)
    if known is None:
        raise NotFound("code", param="code")
    if known[0] == CodeState.REDEEMED:
        raise Conflict("coupon_redeemed", "This code was redeemed before.", param="code")
    raise Conflict("coupon_expired", "This code has expired.", param="code")


async def redeem_by_events(
    db: Queryable, app: App, events: Iterable[tuple[str, Mapping[str, Any]]], *, at: datetime
) -> int:
    """Marks the codes that events (name, properties) speak of as used; how many were not before.

    Codes of all pools of the app are looked for. Others (typing errors, codes of the shop's own) change nothing.
    """
    codes = sorted({code for name, properties in events for code in _codes_in(name, properties)})
    if not codes:
        return 0
    ids = [pool.id for pool in await coupon_pools.list_of_app(db, app_id=app.id)]
    if not ids:
        return 0
    placed = [(_bucket(app, code), code) for code in codes[:COUPONS_PER_EVENTS_MAX]]
    return len(await coupon_codes.redeem(db, app_id=app.id, pool_ids=ids, codes=placed, at=at))


def _codes_in(name: str, properties: Mapping[str, Any]) -> Iterable[str]:
    said = [properties.get("coupon"), properties.get("code") if name == EVENT else None]
    return [code for code in said if isinstance(code, str) and is_code(code)]


def _bucket(app: App, code: str) -> int:
    return bucket_of_text(code.encode(), home=app.home, spread=app.spread)
