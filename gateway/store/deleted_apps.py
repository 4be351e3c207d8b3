"""Deletes what belonged to deleted apps, a step at a time, once no process can know the app any more.

The app's own row stays, emptied: its number is never given out again, and the audit log names it. Outcomes and receipts
hold numbers only and go with their days.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from gateway.model.ids import buckets_of_app
from gateway.model.limits import PRUNE_ROWS
from gateway.store.database import Queryable, affected

_UNKNOWN_AFTER_S: Final = 600
"""Far longer than processes go on with what they know of an app (`limits.KEPT_S`)."""


async def empty(db: Queryable) -> int:
    """One step for the app that was deleted first: rows of one table. How many went; 0 when no app is left to empty."""
    app = await db.fetchrow(
        """
        SELECT id, home, spread FROM apps
         WHERE deleted_at < now() - $1 * interval '1 second' AND emptied_at IS NULL ORDER BY deleted_at LIMIT 1
        """,
        _UNKNOWN_AFTER_S,
    )
    if app is None:
        return 0
    for clear in _CLEAR:
        gone = await clear(db, app["id"], buckets_of_app(home=app["home"], spread=app["spread"]))
        if gone:
            return gone
    return await _finish(db, app["id"])


async def _chunks(db: Queryable, app_id: int, buckets: Sequence[int]) -> int:
    tag = await db.execute(
        """
        DELETE FROM chunks WHERE app_id = $1 AND (bucket, msg_id, part, lo, attempt) IN
            (SELECT bucket, msg_id, part, lo, attempt FROM chunks
              WHERE app_id = $1 AND bucket = ANY($2::smallint[]) LIMIT $3)
        """,
        app_id,
        buckets,
        PRUNE_ROWS,
    )
    return _count(tag)


async def _device_events(db: Queryable, app_id: int, buckets: Sequence[int]) -> int:
    tag = await db.execute(
        """
        DELETE FROM device_events WHERE app_id = $1 AND (bucket, sub_id, id) IN
            (SELECT bucket, sub_id, id FROM device_events
              WHERE app_id = $1 AND bucket = ANY($2::smallint[]) LIMIT $3)
        """,
        app_id,
        buckets,
        PRUNE_ROWS,
    )
    return _count(tag)


async def _messages(db: Queryable, app_id: int, buckets: Sequence[int]) -> int:
    tag = await db.execute(
        """
        DELETE FROM messages WHERE app_id = $1 AND (bucket, id) IN
            (SELECT bucket, id FROM messages WHERE app_id = $1 AND bucket = ANY($2::smallint[]) LIMIT $3)
        """,
        app_id,
        buckets,
        PRUNE_ROWS,
    )
    return _count(tag)


async def _receipt_counts(db: Queryable, app_id: int, buckets: Sequence[int]) -> int:
    tag = await db.execute(
        """
        DELETE FROM receipt_counts WHERE app_id = $1 AND (bucket, msg_id, kind) IN
            (SELECT bucket, msg_id, kind FROM receipt_counts
              WHERE app_id = $1 AND bucket = ANY($2::smallint[]) LIMIT $3)
        """,
        app_id,
        buckets,
        PRUNE_ROWS,
    )
    return _count(tag)


async def _subscriptions(db: Queryable, app_id: int, buckets: Sequence[int]) -> int:
    tag = await db.execute(
        """
        DELETE FROM subscriptions WHERE app_id = $1 AND (bucket, id) IN
            (SELECT bucket, id FROM subscriptions WHERE app_id = $1 AND bucket = ANY($2::smallint[]) LIMIT $3)
        """,
        app_id,
        buckets,
        PRUNE_ROWS,
    )
    return _count(tag)


async def _addresses(db: Queryable, app_id: int, buckets: Sequence[int]) -> int:
    tag = await db.execute(
        """
        DELETE FROM addresses WHERE app_id = $1 AND (bucket, hash) IN
            (SELECT bucket, hash FROM addresses WHERE app_id = $1 AND bucket = ANY($2::smallint[]) LIMIT $3)
        """,
        app_id,
        buckets,
        PRUNE_ROWS,
    )
    return _count(tag)


async def _persons(db: Queryable, app_id: int, buckets: Sequence[int]) -> int:
    tag = await db.execute(
        """
        DELETE FROM persons WHERE app_id = $1 AND (bucket, person) IN
            (SELECT bucket, person FROM persons WHERE app_id = $1 AND bucket = ANY($2::smallint[]) LIMIT $3)
        """,
        app_id,
        buckets,
        PRUNE_ROWS,
    )
    return _count(tag)


async def _person_events(db: Queryable, app_id: int, buckets: Sequence[int]) -> int:
    tag = await db.execute(
        """
        DELETE FROM person_events WHERE app_id = $1 AND (bucket, person, id, day) IN
            (SELECT bucket, person, id, day FROM person_events
              WHERE app_id = $1 AND bucket = ANY($2::smallint[]) LIMIT $3)
        """,
        app_id,
        buckets,
        PRUNE_ROWS,
    )
    return _count(tag)


async def _erasures(db: Queryable, app_id: int, buckets: Sequence[int]) -> int:
    tag = await db.execute(
        """
        DELETE FROM erasures WHERE app_id = $1 AND (bucket, id) IN
            (SELECT bucket, id FROM erasures WHERE app_id = $1 AND bucket = ANY($2::smallint[]) LIMIT $3)
        """,
        app_id,
        buckets,
        PRUNE_ROWS,
    )
    return _count(tag)


async def _idempotency(db: Queryable, app_id: int, buckets: Sequence[int]) -> int:
    tag = await db.execute(
        """
        DELETE FROM idempotency WHERE app_id = $1 AND (bucket, key) IN
            (SELECT bucket, key FROM idempotency WHERE app_id = $1 AND bucket = ANY($2::smallint[]) LIMIT $3)
        """,
        app_id,
        buckets,
        PRUNE_ROWS,
    )
    return _count(tag)


async def _coupon_codes(db: Queryable, app_id: int, buckets: Sequence[int]) -> int:
    tag = await db.execute(
        """
        DELETE FROM coupon_codes WHERE app_id = $1 AND (bucket, pool_id, code) IN
            (SELECT bucket, pool_id, code FROM coupon_codes
              WHERE app_id = $1 AND bucket = ANY($2::smallint[]) LIMIT $3)
        """,
        app_id,
        buckets,
        PRUNE_ROWS,
    )
    return _count(tag)


async def _coupon_given(db: Queryable, app_id: int, buckets: Sequence[int]) -> int:
    tag = await db.execute(
        """
        DELETE FROM coupon_given WHERE app_id = $1 AND (bucket, msg_id, owner) IN
            (SELECT bucket, msg_id, owner FROM coupon_given
              WHERE app_id = $1 AND bucket = ANY($2::smallint[]) LIMIT $3)
        """,
        app_id,
        buckets,
        PRUNE_ROWS,
    )
    return _count(tag)


async def _coupon_uses(db: Queryable, app_id: int, buckets: Sequence[int]) -> int:
    tag = await db.execute(
        """
        DELETE FROM coupon_uses WHERE app_id = $1 AND (bucket, msg_id) IN
            (SELECT bucket, msg_id FROM coupon_uses WHERE app_id = $1 AND bucket = ANY($2::smallint[]) LIMIT $3)
        """,
        app_id,
        buckets,
        PRUNE_ROWS,
    )
    return _count(tag)


async def _experiments(db: Queryable, app_id: int, buckets: Sequence[int]) -> int:
    tag = await db.execute(
        """
        DELETE FROM experiments WHERE app_id = $1 AND (bucket, msg_id) IN
            (SELECT bucket, msg_id FROM experiments WHERE app_id = $1 AND bucket = ANY($2::smallint[]) LIMIT $3)
        """,
        app_id,
        buckets,
        PRUNE_ROWS,
    )
    return _count(tag)


async def _visitors(db: Queryable, app_id: int, buckets: Sequence[int]) -> int:
    tag = await db.execute(
        """
        DELETE FROM visitors WHERE app_id = $1 AND (bucket, id) IN
            (SELECT bucket, id FROM visitors WHERE app_id = $1 AND bucket = ANY($2::smallint[]) LIMIT $3)
        """,
        app_id,
        buckets,
        PRUNE_ROWS,
    )
    return _count(tag)


async def _inbox_marks(db: Queryable, app_id: int, buckets: Sequence[int]) -> int:
    tag = await db.execute(
        """
        DELETE FROM inbox_marks WHERE app_id = $1 AND (bucket, reader) IN
            (SELECT bucket, reader FROM inbox_marks WHERE app_id = $1 AND bucket = ANY($2::smallint[]) LIMIT $3)
        """,
        app_id,
        buckets,
        PRUNE_ROWS,
    )
    return _count(tag)


async def _templates(db: Queryable, app_id: int, _buckets: Sequence[int]) -> int:
    tag = await db.execute(
        """
        DELETE FROM templates WHERE app_id = $1 AND id IN (SELECT id FROM templates WHERE app_id = $1 LIMIT $2)
        """,
        app_id,
        PRUNE_ROWS,
    )
    return _count(tag)


async def _opt_ins(db: Queryable, app_id: int, buckets: Sequence[int]) -> int:
    tag = await db.execute(
        """
        DELETE FROM opt_ins
         WHERE app_id = $1 AND (bucket, day, prompt, began_at, variant, page, browser) IN
               (SELECT bucket, day, prompt, began_at, variant, page, browser FROM opt_ins
                 WHERE app_id = $1 AND bucket = ANY($2::smallint[]) LIMIT $3)
        """,
        app_id,
        buckets,
        PRUNE_ROWS,
    )
    return _count(tag)


async def _consents(db: Queryable, app_id: int, buckets: Sequence[int]) -> int:
    tag = await db.execute(
        """
        DELETE FROM consents WHERE app_id = $1 AND (bucket, sub_id, seq) IN
            (SELECT bucket, sub_id, seq FROM consents WHERE app_id = $1 AND bucket = ANY($2::smallint[]) LIMIT $3)
        """,
        app_id,
        buckets,
        PRUNE_ROWS,
    )
    return _count(tag)


async def _consent_remains(db: Queryable, app_id: int, buckets: Sequence[int]) -> int:
    tag = await db.execute(
        """
        DELETE FROM consent_remains WHERE app_id = $1 AND (bucket, hash) IN
            (SELECT bucket, hash FROM consent_remains WHERE app_id = $1 AND bucket = ANY($2::smallint[]) LIMIT $3)
        """,
        app_id,
        buckets,
        PRUNE_ROWS,
    )
    return _count(tag)


async def _withdrawals(db: Queryable, app_id: int, buckets: Sequence[int]) -> int:
    tag = await db.execute(
        """
        DELETE FROM withdrawals WHERE app_id = $1 AND (bucket, hash) IN
            (SELECT bucket, hash FROM withdrawals WHERE app_id = $1 AND bucket = ANY($2::smallint[]) LIMIT $3)
        """,
        app_id,
        buckets,
        PRUNE_ROWS,
    )
    return _count(tag)


_CLEAR: Final[tuple[Callable[[Queryable, int, Sequence[int]], Awaitable[int]], ...]] = (
    _chunks,  # work first: nothing of it is claimed any more then
    _messages,
    _receipt_counts,
    _subscriptions,
    _addresses,
    _persons,
    _person_events,
    _device_events,
    _erasures,
    _idempotency,
    _coupon_codes,
    _coupon_given,
    _coupon_uses,
    _templates,
    _experiments,
    _consents,
    _consent_remains,
    _withdrawals,
    _opt_ins,
    _visitors,
    _inbox_marks,
)


async def _finish(db: Queryable, app_id: int) -> int:
    """The small tables, each bounded by what an app may have, and the mark that nothing is left. Always 1."""
    async with db.transaction() as tx:
        await tx.execute("DELETE FROM topics WHERE app_id = $1", app_id)
        await tx.execute("DELETE FROM geofences WHERE app_id = $1", app_id)
        await tx.execute("DELETE FROM prompts WHERE app_id = $1", app_id)
        await tx.execute("DELETE FROM coupon_pools WHERE app_id = $1", app_id)
        await tx.execute("DELETE FROM segments WHERE app_id = $1", app_id)
        await tx.execute("DELETE FROM lists WHERE app_id = $1", app_id)
        await tx.execute("DELETE FROM list_remains WHERE app_id = $1", app_id)
        await tx.execute("DELETE FROM credentials WHERE app_id = $1", app_id)
        await tx.execute("DELETE FROM secrets WHERE app_id = $1", app_id)
        await tx.execute("DELETE FROM api_keys WHERE app_id = $1", app_id)
        await tx.execute("DELETE FROM lanes WHERE app_id = $1", app_id)
        await tx.execute("DELETE FROM app_stops WHERE app_id = $1", app_id)
        await tx.execute("DELETE FROM stretch_leases WHERE app_id = $1", app_id)
        await tx.execute("DELETE FROM throttles WHERE app_id = $1", app_id)
        await tx.execute("UPDATE apps SET emptied_at = now() WHERE id = $1", app_id)
    return 1


def _count(tag: str) -> int:
    return affected(tag)
