"""Many single sends settled together: what `store.chunks.settle` does for a group, for dozens of messages at once.

All rows of a call lie in one bucket of one app. Each is guarded by its own fence; those that were ours come back.
"""

from collections.abc import Collection, Sequence

from gateway.model.message import MessageState
from gateway.model.work import GroupResult, Hold
from gateway.store import chunks
from gateway.store.database import Queryable


async def settle(db: Queryable, results: Sequence[GroupResult], *, whole: Collection[int]) -> set[int]:
    """Records chunks that were done in one go; the messages whose chunk was still ours.

    `whole` are the messages that consist of this one chunk: their row lies in the same bucket, and unless somebody is
    to be tried again they are closed in the same transaction.
    """
    app_id, bucket = results[0].chunk.key.app_id, results[0].chunk.key.bucket
    async with db.transaction() as tx:
        rows = await tx.fetch(
            """
            UPDATE chunks c SET state = 2, cursor = r.hi, seen = r.seen, tally = r.tally
              FROM unnest($3::bigint[], $4::bigint[], $5::int[], $6::bigint[], $7::int[], $8::jsonb[])
                   AS r (msg_id, lo, claim_no, hi, seen, tally)
             WHERE c.app_id = $1 AND c.bucket = $2 AND c.msg_id = r.msg_id AND c.part = 0 AND c.lo = r.lo
               AND c.attempt = 0 AND c.claim_no = r.claim_no AND c.state = 1
            RETURNING c.msg_id, c.hold
            """,
            app_id,
            bucket,
            [result.chunk.key.message_id for result in results],
            [result.chunk.key.lo for result in results],
            [result.chunk.claim_no for result in results],
            [result.cursor for result in results],
            [result.seen for result in results],
            [result.tally for result in results],
        )
        ours = {row["msg_id"]: Hold(row["hold"]) for row in rows}
        kept = [result for result in results if result.chunk.key.message_id in ours]
        await chunks.record(tx, kept, ours)
        ended = [result for result in kept if not result.retries and result.chunk.key.message_id in whole]
        if ended:
            await _close(tx, app_id, bucket, ended)
    return set(ours)


async def _close(db: Queryable, app_id: int, bucket: int, results: Sequence[GroupResult]) -> None:
    """Closes the messages whose row is in this bucket and whose only chunk this was."""
    await db.execute(
        """
        UPDATE messages m SET state = CASE WHEN m.state = 5 THEN 5 ELSE 4 END, tally = r.tally, finished_at = now()
          FROM unnest($3::bigint[], $4::jsonb[]) AS r (id, tally)
         WHERE m.app_id = $1 AND m.bucket = $2 AND m.id = r.id AND m.state = ANY($5::smallint[]) AND m.tally IS NULL
        """,
        app_id,
        bucket,
        [result.chunk.key.message_id for result in results],
        [result.tally for result in results],
        [int(MessageState.SENDING), int(MessageState.PAUSED), int(MessageState.CANCELLED)],
    )
