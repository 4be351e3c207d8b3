"""Taking a message back: which message does it, and who was sent the one that is taken back."""

from collections.abc import Sequence
from datetime import date

from gateway.model.delivery import Code
from gateway.model.ids import bucket_of_message
from gateway.model.limits import PART_CHUNK_RECIPIENTS_MAX, RECALL_BUCKETS_AT_ONCE
from gateway.store.database import Queryable


async def mark(db: Queryable, *, app_id: int, message_id: int, recalled_by: int) -> bool:
    """Notes that a message is taken back by another one; False where it was already, or is not there."""
    tag = await db.execute(
        "UPDATE messages SET recalled_by = $4 WHERE app_id = $1 AND bucket = $2 AND id = $3 AND recalled_by IS NULL",
        app_id,
        bucket_of_message(message_id),
        message_id,
        recalled_by,
    )
    return tag == "UPDATE 1"


async def put_off(db: Queryable, *, app_id: int, message_id: int, wait_s: float) -> None:
    """Plans a message that is being planned a little later, as if it had not been looked at yet."""
    await db.execute(
        """
        UPDATE messages
           SET state = 0, due_at = now() + $4 * interval '1 second', lease_until = NULL, planned_at = NULL
         WHERE app_id = $1 AND bucket = $2 AND id = $3 AND state = 1
        """,
        app_id,
        bucket_of_message(message_id),
        message_id,
        wait_s,
    )


async def insert_lists(
    db: Queryable, *, app_id: int, buckets: Sequence[int], message_id: int, of: int, day: date
) -> int:
    """Writes everybody whom a push service took the message `of` for into lists of `message_id`; how many.

    `day` is that of `of`. Devices of people who were erased since are not among them. A few buckets at a time: of ten
    million people one statement would sort all ids, and run into its time limit however often it is tried.
    """
    written = 0
    for start in range(0, len(buckets), RECALL_BUCKETS_AT_ONCE):
        some = buckets[start : start + RECALL_BUCKETS_AT_ONCE]
        written += await _insert_lists(db, app_id=app_id, buckets=some, message_id=message_id, of=of, day=day)
    return written


async def _insert_lists(
    db: Queryable, *, app_id: int, buckets: Sequence[int], message_id: int, of: int, day: date
) -> int:
    rows = await db.fetch(
        """
        INSERT INTO chunks (app_id, bucket, msg_id, part, lo, attempt, hi, cursor, ids, expected, due_at)
        SELECT $1, bucket, $3, 0, min(id), 0, max(id), min(id) - 1, array_agg(id ORDER BY id), count(*), now()
          FROM (SELECT bucket, id, (row_number() OVER (PARTITION BY bucket ORDER BY id) - 1) / $8::int AS piece
                  FROM (SELECT DISTINCT o.bucket, one.id
                          FROM outcomes o CROSS JOIN LATERAL unnest(o.ids) WITH ORDINALITY AS one (id, place)
                         WHERE o.app_id = $1 AND o.bucket = ANY($2::smallint[]) AND o.msg_id = $4 AND o.day = $5
                           AND one.id >= 0 AND get_byte(o.codes, one.place::int - 1) BETWEEN $6 AND $7) sent) placed
         GROUP BY bucket, piece
        RETURNING expected
        """,
        app_id,
        list(buckets),
        message_id,
        of,
        day,
        int(Code.SENT),
        int(Code.FAILED_REJECTED) - 1,
        PART_CHUNK_RECIPIENTS_MAX,
    )
    return sum(row["expected"] for row in rows)
