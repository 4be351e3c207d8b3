"""What has to be done for coupons now and then. Every round is small, safe in several processes, and may end anywhere.

- Codes that were taken for somebody whose worker then died: entered with that person they are theirs, else free.
- Messages that are over: codes that reached nobody come back. A code has reached somebody when one device of that
  person was sent the message; whether the device showed it is not asked.
- Pools that run low: one alarm, in the log and as a metric, until they are filled again.
- Pools that were deleted: their codes go in small steps.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC

from gateway.model.app import App
from gateway.model.coupon import GivenCode, Pool
from gateway.model.delivery import Code
from gateway.model.errors import NotFound
from gateway.model.ids import bucket_of_id, bucket_of_text
from gateway.model.limits import (
    COUPON_LOW_ROWS,
    COUPON_QUIET_S,
    COUPON_REAP_ROWS,
    COUPON_USES_PER_ROUND_MAX,
    COUPON_WALK_PAGES_MAX,
    COUPON_WALK_ROWS,
    PRUNE_ROWS,
    PRUNE_STEPS_MAX,
)
from gateway.store import coupon_codes, coupon_given, coupon_pools, messages, outcomes
from gateway.store.coupon_codes import LateCode
from gateway.store.coupon_given import Use
from gateway.store.database import Queryable
from gateway.store.messages import StoredMessage
from gateway.telemetry import COUPON_POOLS_LOW, COUPONS_BACK, log

AppSource = Callable[[int], Awaitable[App]]
"""The app of an internal id; raises `NotFound` if it is gone."""


async def reap(db: Queryable) -> int:
    """Looks after codes whose lease ran out; how many."""
    late = await coupon_codes.late(db, limit=COUPON_REAP_ROWS)
    for app_id, message_id in sorted({(one.app_id, one.message_id) for one in late}):
        await _reap(db, app_id, message_id, [o for o in late if (o.app_id, o.message_id) == (app_id, message_id)])
    return len(late)


async def _reap(db: Queryable, app_id: int, message_id: int, late: Sequence[LateCode]) -> None:
    held = await coupon_given.of_owners(
        db,
        app_id=app_id,
        buckets=sorted({one.owner_bucket for one in late}),
        message_id=message_id,
        owners=[one.owner for one in late],
    )
    entered = [held[one.owner] for one in late if _is_entered(held.get(one.owner), one)]
    if entered:
        await coupon_codes.confirm(db, app_id=app_id, message_id=message_id, given=entered)
    stray = [one for one in late if not _is_entered(held.get(one.owner), one)]
    if stray:
        COUPONS_BACK.labels("lease").inc(await coupon_codes.free_late(db, app_id=app_id, late=stray))


def _is_entered(held: GivenCode | None, late: LateCode) -> bool:
    return held is not None and (held.pool_id, held.code) == (late.pool_id, late.code)


async def settle_ended(db: Queryable, app_of: AppSource) -> int:
    """Takes back what messages that are over gave to nobody; how many messages were looked after."""
    uses = await coupon_given.ended_uses(db, quiet_s=COUPON_QUIET_S, limit=COUPON_USES_PER_ROUND_MAX)
    for use in uses:
        try:
            app = await app_of(use.app_id)
        except NotFound:
            await coupon_given.walked(db, use, bucket=use.walk_bucket, sub=use.walk_sub, is_done=True)
            continue
        message = await messages.get(db, app_id=use.app_id, message_id=use.message_id)
        if message is not None:
            await _walk(db, app, message, use)
    return len(uses)


async def _walk(db: Queryable, app: App, message: StoredMessage, use: Use) -> None:
    """Goes on where the last round ended: bucket after bucket, in the order of the first devices' ids."""
    pages = 0
    for bucket in sorted(one for one in app.buckets if one >= use.walk_bucket):
        after = use.walk_sub if bucket == use.walk_bucket else -1
        while page := await coupon_given.page(
            db, app_id=app.id, bucket=bucket, message_id=message.id, after=after, limit=COUPON_WALK_ROWS
        ):
            await _settle_page(db, app, message, page)
            after = page[-1].devices[0]
            await coupon_given.walked(db, use, bucket=bucket, sub=after, is_done=False)
            pages += 1
            if pages >= COUPON_WALK_PAGES_MAX:
                return
    await coupon_given.walked(db, use, bucket=max(app.buckets), sub=use.walk_sub, is_done=True)


async def _settle_page(db: Queryable, app: App, message: StoredMessage, page: Sequence[GivenCode]) -> None:
    reached = await _reached(db, app, message, [device for one in page for device in one.devices])
    unused = [one for one in page if reached.isdisjoint(one.devices)]
    if not unused:
        return
    # The code first: a row that stays behind by a crash is met again, one that went too early never would be.
    back = await coupon_codes.give_back(db, app_id=app.id, message_id=message.id, given=unused)
    rows = [(_bucket_of_owner(app, one.owner), one.owner, one.code) for one in unused]
    await coupon_given.delete(db, app_id=app.id, message_id=message.id, rows=rows)
    COUPONS_BACK.labels("unsent").inc(back)


async def _reached(db: Queryable, app: App, message: StoredMessage, devices: Sequence[int]) -> set[int]:
    """Which of these devices the message was sent to."""
    if message.planned_at is None:
        return set()
    by_bucket: dict[int, list[int]] = {}
    for device in devices:
        by_bucket.setdefault(bucket_of_id(device, home=app.home, spread=app.spread), []).append(device)
    reached: set[int] = set()
    day = message.planned_at.astimezone(UTC).date()
    for bucket, ids in by_bucket.items():
        rows = await outcomes.around(
            db, app_id=app.id, bucket=bucket, message_id=message.id, day=day, lo=min(ids), hi=max(ids)
        )
        wanted = set(ids)
        reached |= {
            number
            for row in rows
            for number, code in zip(row.ids, row.codes, strict=True)
            if code == Code.SENT and number in wanted
        }
    return reached


def _bucket_of_owner(app: App, owner: str) -> int:
    return bucket_of_text(owner.encode(), home=app.home, spread=app.spread)


async def watch_pools(db: Queryable, app_of: AppSource) -> int:
    """Sounds the alarm of pools that run low, once, and arms it again when they are filled; how many were looked at."""
    looked, after = 0, (-1, -1)
    while found := await coupon_pools.watched(db, after=after, limit=COUPON_LOW_ROWS):
        for pool in found:
            await _watch(db, app_of, pool)
        looked += len(found)
        after = (found[-1].app_id, found[-1].id)
    return looked


async def _watch(db: Queryable, app_of: AppSource, pool: Pool) -> None:
    try:
        app = await app_of(pool.app_id)
    except NotFound:
        return
    low_at = pool.low_at or 0
    left = await coupon_codes.count_free(db, app_id=app.id, buckets=app.buckets, pool_id=pool.id, at_most=low_at + 1)
    is_low = left <= low_at
    if is_low == (pool.low_told_at is not None):
        return
    if await coupon_pools.note_low(db, app_id=app.id, pool_id=pool.id, is_low=is_low) and is_low:
        COUPON_POOLS_LOW.inc()
        log("coupons").warning("coupon_pool_low", app=app.id, pool=pool.slug, left=left, low_at=low_at)


async def empty_deleted(db: Queryable, app_of: AppSource) -> int:
    """Deletes codes of pools that were deleted, so many at a time; how many."""
    went = 0
    for app_id, pool_id in await coupon_pools.deleted(db, limit=PRUNE_STEPS_MAX):
        try:
            app = await app_of(app_id)
        except NotFound:
            continue  # it goes with its app
        went += await _empty(db, app, pool_id)
    return went


async def _empty(db: Queryable, app: App, pool_id: int) -> int:
    total = 0
    for _ in range(PRUNE_STEPS_MAX):
        went = await coupon_codes.delete_some(db, app_id=app.id, buckets=app.buckets, pool_id=pool_id, limit=PRUNE_ROWS)
        total += went
        if went < PRUNE_ROWS:
            await coupon_pools.forget(db, app_id=app.id, pool_id=pool_id)
            break
    return total
