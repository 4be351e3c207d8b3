"""What devices reported, each kind once per message and device, and the sums of it.

Both tables are written in one transaction per app, in the order of their keys: processes that report on the same
message wait for each other and never deadlock.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

import msgspec

from gateway.store.database import Queryable


class Receipt(msgspec.Struct, frozen=True, order=True, gc=False):
    """One report, in the bucket of its device. `day` is the message's day (UTC), `kind` a `ReceiptKind`."""

    bucket: int
    message_id: int
    subscription_id: int
    kind: int
    day: date
    at: datetime
    action: str = ""
    """The button that was clicked, if one was."""
    arm: int = 0
    """Which variant of the message it was."""


async def insert_new(db: Queryable, *, app_id: int, receipts: Iterable[Receipt]) -> list[Receipt]:
    """Those that were not known yet. Reports on messages older than what is kept are left out."""
    ordered = sorted(receipts)
    rows = await db.fetch(
        """
        INSERT INTO receipts (app_id, bucket, day, msg_id, sub_id, kind, at, data)
        SELECT $1, bucket, day, msg_id, sub_id, kind, at,
               CASE WHEN action <> '' THEN jsonb_build_object('action', action) END
        FROM unnest($2::smallint[], $3::date[], $4::bigint[], $5::bigint[], $6::smallint[], $7::timestamptz[],
                    $8::text[]) AS reported (bucket, day, msg_id, sub_id, kind, at, action)
        WHERE to_regclass('receipts_' || to_char(day, 'YYYYMMDD')) IS NOT NULL
        ON CONFLICT DO NOTHING
        RETURNING msg_id, sub_id, kind
        """,
        app_id,
        [receipt.bucket for receipt in ordered],
        [receipt.day for receipt in ordered],
        [receipt.message_id for receipt in ordered],
        [receipt.subscription_id for receipt in ordered],
        [receipt.kind for receipt in ordered],
        [receipt.at for receipt in ordered],
        [receipt.action for receipt in ordered],
    )
    reported = {(receipt.message_id, receipt.subscription_id, receipt.kind): receipt for receipt in ordered}
    return [reported[row["msg_id"], row["sub_id"], row["kind"]] for row in rows]


async def add_counts(db: Queryable, *, app_id: int, counts: Mapping[tuple[int, int, int], int]) -> None:
    """Adds how many there are of each (bucket, message, kind with its arm) to the sums."""
    ordered = sorted(counts)
    await db.execute(
        """
        INSERT INTO receipt_counts AS held (app_id, bucket, msg_id, kind, n)
        SELECT $1, bucket, msg_id, kind, n
        FROM unnest($2::smallint[], $3::bigint[], $4::smallint[], $5::int[]) AS new (bucket, msg_id, kind, n)
        ON CONFLICT (app_id, bucket, msg_id, kind) DO UPDATE SET n = held.n + excluded.n
        """,
        app_id,
        [bucket for bucket, _, _ in ordered],
        [message_id for _, message_id, _ in ordered],
        [kind for _, _, kind in ordered],
        [counts[one] for one in ordered],
    )


async def counts(db: Queryable, *, app_id: int, buckets: Sequence[int], message_id: int) -> dict[int, int]:
    """How often each kind was reported of a message, each arm by itself (`model.event.ARM_STEP`)."""
    rows = await db.fetch(
        "SELECT kind, sum(n)::int AS n FROM receipt_counts"
        " WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND msg_id = $3 GROUP BY kind",
        app_id,
        list(buckets),
        message_id,
    )
    return {row["kind"]: row["n"] for row in rows}
