"""Messages that wait for somebody's approval, and what became of it."""

import msgspec

from gateway.model.approval import Approval
from gateway.model.ids import bucket_of_message
from gateway.store.database import Queryable, affected


async def ask(db: Queryable, *, app_id: int, message_id: int, approval: Approval) -> bool:
    """Has a message wait that nobody was asked about yet, planned or not; whether it waits now."""
    tag = await db.execute(
        """
        UPDATE messages SET needs_approval = true, approval = $4, state = 0, planned_at = NULL, lease_until = NULL
         WHERE app_id = $1 AND bucket = $2 AND id = $3 AND state IN (0, 1) AND approval IS NULL
        """,
        app_id,
        bucket_of_message(message_id),
        message_id,
        msgspec.to_builtins(approval),
    )
    return tag == "UPDATE 1"


async def give(db: Queryable, *, app_id: int, message_id: int, approval: Approval) -> bool:
    """Lets a message go that waits; False if it does not."""
    tag = await db.execute(
        """
        UPDATE messages SET needs_approval = false, approval = $4
         WHERE app_id = $1 AND bucket = $2 AND id = $3 AND needs_approval AND state IN (0, 3)
        """,
        app_id,
        bucket_of_message(message_id),
        message_id,
        msgspec.to_builtins(approval),
    )
    return tag == "UPDATE 1"


async def expire(db: Queryable, *, code: str, limit: int) -> int:
    """Ends messages whose time ran out before anybody approved them (index messages_unapproved); how many.

    code: the key of a tally that their audience is counted under.
    """
    tag = await db.execute(
        """
        WITH late AS MATERIALIZED (
            SELECT app_id, bucket, id FROM messages
             WHERE needs_approval AND state IN (0, 3) AND expires_at <= now() ORDER BY expires_at LIMIT $2)
        UPDATE messages m
           SET state = 4, needs_approval = false, finished_at = now(),
               tally = jsonb_build_object($1::text, (m.approval ->> 'audience')::int)
          FROM late
         WHERE m.app_id = late.app_id AND m.bucket = late.bucket AND m.id = late.id AND m.needs_approval
        """,
        code,
        limit,
    )
    return affected(tag)
