"""Messages that go out at so many a minute: one row each, with the next moment that is free for all processes.

Moments are database time. A moment that nobody used is lost: a message that was held up does not rush to catch up.
"""

from gateway.model.ids import bucket_of_message
from gateway.store.database import Queryable, affected


async def take(db: Queryable, *, app_id: int, message_id: int, distance_s: float, look_ahead_s: float) -> float | None:
    """Takes the next moment for a group, with this distance to the one after it; seconds until then.

    None where the moment is more than `look_ahead_s` off: nothing is taken then.
    """
    begins_at = await db.fetchval(
        """
        INSERT INTO throttles AS t (app_id, bucket, msg_id, next_at)
        VALUES ($1, $2, $3, now() + $4 * interval '1 second')
        ON CONFLICT (app_id, bucket, msg_id) DO UPDATE
           SET next_at = greatest(t.next_at, now()) + $4 * interval '1 second'
         WHERE t.next_at <= now() + $5 * interval '1 second'
        RETURNING extract(epoch FROM next_at - now())::float8 - $4
        """,
        app_id,
        bucket_of_message(message_id),
        message_id,
        distance_s,
        look_ahead_s,
    )
    return None if begins_at is None else max(0.0, begins_at)


async def wait_s(db: Queryable, *, app_id: int, message_id: int) -> float:
    """Seconds until the next moment is free."""
    left_s = await db.fetchval(
        "SELECT extract(epoch FROM next_at - now())::float8 FROM throttles"
        " WHERE app_id = $1 AND bucket = $2 AND msg_id = $3",
        app_id,
        bucket_of_message(message_id),
        message_id,
    )
    return max(0.0, left_s or 0.0)


async def give_back(db: Queryable, *, app_id: int, message_id: int, distance_s: float) -> None:
    """Gives back what a group took and did not use."""
    await db.execute(
        "UPDATE throttles SET next_at = next_at - $4 * interval '1 second'"
        " WHERE app_id = $1 AND bucket = $2 AND msg_id = $3",
        app_id,
        bucket_of_message(message_id),
        message_id,
        distance_s,
    )


async def forget(db: Queryable, *, app_id: int, message_id: int) -> None:
    """Forgets the moment that another rate led to: the message may go on at once."""
    await db.execute(
        "DELETE FROM throttles WHERE app_id = $1 AND bucket = $2 AND msg_id = $3",
        app_id,
        bucket_of_message(message_id),
        message_id,
    )


async def prune(db: Queryable) -> int:
    """Deletes the rows of messages that have long stopped going out."""
    tag = await db.execute("DELETE FROM throttles WHERE next_at < now() - interval '1 day'")
    return affected(tag)
