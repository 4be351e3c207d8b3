"""What messages gave to whom, in the bucket of the person: one row for each message and person.

The key makes it once and for all: two workers with two devices of a person write one row. Whether the code in it is
theirs is said by the code's own row (`coupon_codes.confirm`).
"""

from collections.abc import Sequence

import msgspec

from gateway.model.coupon import GivenCode, TakenCode
from gateway.store.database import Queryable, Record


class Use(msgspec.Struct, frozen=True):
    """A message that gives codes, and how far the walk behind it has come."""

    app_id: int
    bucket: int
    message_id: int
    pool_id: int
    walk_bucket: int
    walk_sub: int


async def of_owners(
    db: Queryable, *, app_id: int, buckets: Sequence[int], message_id: int, owners: Sequence[str]
) -> dict[str, GivenCode]:
    """What these have from the message, by owner; `buckets` are the owners' own."""
    rows = await db.fetch(
        "SELECT owner, pool_id, code, code_bucket, sub_id, more FROM coupon_given"
        " WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND msg_id = $3 AND owner = ANY($4::text[])",
        app_id,
        list(buckets),
        message_id,
        list(owners),
    )
    return {row["owner"]: _given(row) for row in rows}


async def insert(
    db: Queryable, *, app_id: int, message_id: int, pool_id: int, rows: Sequence[tuple[int, TakenCode, int]]
) -> set[str]:
    """Enters (bucket of the owner, code, device) for those who have none yet; their owners."""
    ordered = sorted(rows, key=lambda row: (row[0], row[1].owner))  # whoever writes of the same people waits in order
    entered = await db.fetch(
        """
        INSERT INTO coupon_given (app_id, bucket, msg_id, owner, pool_id, code, code_bucket, sub_id)
        SELECT $1, bucket, $2, owner, $3, code, code_bucket, sub_id
          FROM unnest($4::smallint[], $5::text[], $6::text[], $7::smallint[], $8::bigint[])
               AS new (bucket, owner, code, code_bucket, sub_id)
        ON CONFLICT DO NOTHING
        RETURNING owner
        """,
        app_id,
        message_id,
        pool_id,
        [bucket for bucket, _, _ in ordered],
        [taken.owner for _, taken, _ in ordered],
        [taken.code for _, taken, _ in ordered],
        [taken.bucket for _, taken, _ in ordered],
        [device for _, _, device in ordered],
    )
    return {row["owner"] for row in entered}


async def add_devices(db: Queryable, *, app_id: int, message_id: int, rows: Sequence[tuple[int, str, int]]) -> None:
    """Notes (bucket of the owner, owner, device) of people who have their code already, each device once."""
    ordered = sorted(rows)
    await db.execute(
        """
        UPDATE coupon_given g
           SET more = g.more || ARRAY(SELECT s FROM unnest(new.subs) s WHERE s <> g.sub_id AND s <> ALL(g.more))
          FROM (SELECT bucket, owner, array_agg(sub_id) AS subs
                  FROM unnest($2::smallint[], $3::text[], $4::bigint[]) AS n (bucket, owner, sub_id)
                 GROUP BY bucket, owner) new
         WHERE g.app_id = $1 AND g.bucket = ANY($2::smallint[]) AND g.bucket = new.bucket AND g.msg_id = $5
           AND g.owner = new.owner AND NOT g.sub_id || g.more @> new.subs
        """,
        app_id,
        [bucket for bucket, _, _ in ordered],
        [owner for _, owner, _ in ordered],
        [device for _, _, device in ordered],
        message_id,
    )


async def delete(db: Queryable, *, app_id: int, message_id: int, rows: Sequence[tuple[int, str, str]]) -> None:
    """Takes (bucket of the owner, owner, code) out again: the code turned out not to be theirs, or was given back."""
    await db.execute(
        """
        DELETE FROM coupon_given g
         USING unnest($2::smallint[], $3::text[], $4::text[]) AS old (bucket, owner, code)
         WHERE g.app_id = $1 AND g.bucket = ANY($2::smallint[]) AND g.bucket = old.bucket AND g.msg_id = $5
           AND g.owner = old.owner AND g.code = old.code
        """,
        app_id,
        [bucket for bucket, _, _ in rows],
        [owner for _, owner, _ in rows],
        [code for _, _, code in rows],
        message_id,
    )


async def page(db: Queryable, *, app_id: int, bucket: int, message_id: int, after: int, limit: int) -> list[GivenCode]:
    """What a message gave in one bucket, by the id of the first device (index coupon_given_walk)."""
    rows = await db.fetch(
        "SELECT owner, pool_id, code, code_bucket, sub_id, more FROM coupon_given"
        " WHERE app_id = $1 AND bucket = $2 AND msg_id = $3 AND sub_id > $4 ORDER BY sub_id LIMIT $5",
        app_id,
        bucket,
        message_id,
        after,
        limit,
    )
    return [_given(row) for row in rows]


async def of_person(db: Queryable, *, app_id: int, bucket: int, owner: str) -> list[GivenCode]:
    """All that one person was given, by whatever messages are kept; `bucket` is the person's own."""
    rows = await db.fetch(
        "SELECT owner, pool_id, code, code_bucket, sub_id, more FROM coupon_given"
        " WHERE app_id = $1 AND bucket = $2 AND owner = $3",
        app_id,
        bucket,
        owner,
    )
    return [_given(row) for row in rows]


async def note_use(db: Queryable, *, app_id: int, bucket: int, message_id: int, pool_id: int) -> None:
    """Remembers that a message gives codes, before it gives the first; once."""
    await db.execute(
        "INSERT INTO coupon_uses (app_id, bucket, msg_id, pool_id) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        app_id,
        bucket,
        message_id,
        pool_id,
    )


async def ended_uses(db: Queryable, *, quiet_s: int, limit: int) -> list[Use]:
    """Messages of all apps that gave codes and have been over for so long (index coupon_uses_open)."""
    rows = await db.fetch(
        """
        SELECT u.app_id, u.bucket, u.msg_id AS message_id, u.pool_id, u.walk_bucket, u.walk_sub
          FROM coupon_uses u JOIN messages m ON m.app_id = u.app_id AND m.bucket = u.bucket AND m.id = u.msg_id
         WHERE u.settled_at IS NULL AND m.tally IS NOT NULL AND m.finished_at < now() - $1 * interval '1 second'
         ORDER BY u.app_id, u.bucket, u.msg_id LIMIT $2
        """,
        quiet_s,
        limit,
    )
    return [Use(**dict(row)) for row in rows]


async def walked(db: Queryable, use: Use, *, bucket: int, sub: int, is_done: bool) -> None:
    """Keeps how far the walk has come."""
    await db.execute(
        "UPDATE coupon_uses SET walk_bucket = $4, walk_sub = $5, settled_at = CASE WHEN $6 THEN now() END"
        " WHERE app_id = $1 AND bucket = $2 AND msg_id = $3",
        use.app_id,
        use.bucket,
        use.message_id,
        bucket,
        sub,
        is_done,
    )


async def settled(db: Queryable, *, app_id: int, buckets: Sequence[int], pool_id: int) -> set[int]:
    """Of the messages that gave codes of this pool, those whose unused codes have come back."""
    rows = await db.fetch(
        "SELECT msg_id FROM coupon_uses WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND pool_id = $3"
        " AND settled_at IS NOT NULL",
        app_id,
        list(buckets),
        pool_id,
    )
    return {row["msg_id"] for row in rows}


def _given(row: Record) -> GivenCode:
    return GivenCode(row["owner"], row["pool_id"], row["code"], row["code_bucket"], (row["sub_id"], *row["more"]))
