"""Deletes what has had its day. Small steps, so that no statement holds much for long."""

from typing import Final

from gateway.model.ids import bucket_of_message, buckets_of_app
from gateway.store.database import Queryable

HISTORY_DAYS: Final = 90
"""Outcomes, receipts and messages are kept for so long."""
_ENDED_SUBSCRIPTION_DAYS: Final = 30
"""A device that left or went: long enough to notice that a push service was wrong about many."""
_ROWS_PER_STEP: Final = 5_000


async def prune(db: Queryable) -> int:
    """One step of everything; how many rows went."""
    return sum([await _idempotency(db), await _ended(db), await _chunks(db), await _messages(db)])


async def _idempotency(db: Queryable) -> int:
    """Expired keys (index idempotency_expired)."""
    return _count(
        await db.execute(
            "DELETE FROM idempotency WHERE (app_id, bucket, key) IN"
            " (SELECT app_id, bucket, key FROM idempotency WHERE expires_at < now() LIMIT $1)",
            _ROWS_PER_STEP,
        )
    )


async def _ended(db: Queryable) -> int:
    """Devices that ended long ago (index subscriptions_ended); their addresses are nobody's then."""
    rows = await db.fetch(
        "DELETE FROM subscriptions WHERE (app_id, bucket, id) IN"
        " (SELECT app_id, bucket, id FROM subscriptions"
        "   WHERE state <> 0 AND ended_at < now() - $1 * interval '1 day' LIMIT $2)"
        " RETURNING id",
        _ENDED_SUBSCRIPTION_DAYS,
        _ROWS_PER_STEP,
    )
    if rows:
        await db.execute("DELETE FROM addresses WHERE subscription_id = ANY($1::bigint[])", [row["id"] for row in rows])
    return len(rows)


async def _chunks(db: Queryable) -> int:
    """Chunks of messages that were closed a week ago: their tally is in the message."""
    return _count(
        await db.execute(
            "DELETE FROM chunks WHERE (app_id, bucket, msg_id) IN"
            " (SELECT c.app_id, c.bucket, c.msg_id FROM chunks c JOIN messages m"
            "     ON m.app_id = c.app_id AND m.id = c.msg_id AND m.tally IS NOT NULL"
            "    AND m.finished_at < now() - interval '7 days' LIMIT $1)",
            _ROWS_PER_STEP,
        )
    )


async def _messages(db: Queryable) -> int:
    """Messages older than the history that is kept, after the sums of their receipts."""
    rows = await db.fetch(
        "SELECT m.app_id, m.id, a.home, a.spread FROM messages m JOIN apps a ON a.id = m.app_id"
        " WHERE (m.tally IS NOT NULL OR m.state = 6) AND m.finished_at < now() - $1 * interval '1 day' LIMIT $2",
        HISTORY_DAYS,
        _ROWS_PER_STEP,
    )
    by_app: dict[tuple[int, int, int], list[int]] = {}
    for row in rows:
        by_app.setdefault((row["app_id"], row["home"], row["spread"]), []).append(row["id"])
    for (app_id, home, spread), ids in by_app.items():
        await _messages_of_app(db, app_id, buckets_of_app(home=home, spread=spread), ids)
    return len(rows)


async def _messages_of_app(db: Queryable, app_id: int, buckets: list[int], ids: list[int]) -> None:
    await db.execute(
        "DELETE FROM receipt_counts WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND msg_id = ANY($3::bigint[])",
        app_id,
        buckets,
        ids,
    )
    await db.execute(
        "DELETE FROM messages WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND id = ANY($3::bigint[])",
        app_id,
        sorted({bucket_of_message(number) for number in ids}),
        ids,
    )


def _count(tag: str) -> int:
    return int(tag.rpartition(" ")[2])
