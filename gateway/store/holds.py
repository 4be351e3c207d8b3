"""Where one recipient of a message waits: in a list of those who were put off, or ahead of the cursor of a range."""

from datetime import datetime

import msgspec

from gateway.model.work import REST_PARTS_FROM
from gateway.store.database import Queryable


class Waiting(msgspec.Struct, frozen=True):
    """A chunk that has the recipient still before it. `attempt` counts the lists that they have been put on."""

    due_at: datetime
    attempt: int
    is_claimed: bool
    is_listed: bool
    part: int

    @property
    def is_rest(self) -> bool:
        """Whether it is of those who wait for the winner of an experiment."""
        return self.part >= REST_PARTS_FROM


async def of_recipient(
    db: Queryable, *, app_id: int, bucket: int, message_id: int, subscription_id: int
) -> Waiting | None:
    """The list that holds the recipient, else the range that they lie in; None where their turn is over.

    Found by the key of chunks. Lying in a range does not mean to be in the audience: a range has no names.
    """
    row = await db.fetchrow(
        """
        SELECT due_at, attempt, state = 1 AS is_claimed, ids IS NOT NULL AS is_listed, part FROM chunks
        WHERE app_id = $1 AND bucket = $2 AND msg_id = $3 AND state < 2 AND cursor < $4 AND hi >= $4
          AND (ids IS NULL OR ids @> ARRAY[$4::bigint])
        ORDER BY is_listed DESC, due_at LIMIT 1
        """,
        app_id,
        bucket,
        message_id,
        subscription_id,
    )
    return None if row is None else Waiting(**dict(row))
