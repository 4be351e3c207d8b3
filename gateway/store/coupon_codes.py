"""Codes of coupon pools: free, taken under a lease, given, redeemed. A code lies in the bucket of its own text.

The row decides whose a code is. It is taken for somebody, entered with that person (`coupon_given`, in another bucket
and another transaction), and confirmed; each step names the owner that it found, so that whoever comes late changes
nothing.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from gateway.model.coupon import ConfirmedCode, GivenCode, NewCode, TakenCode
from gateway.store.database import Queryable, affected


class LateCode(msgspec.Struct, frozen=True, gc=False):
    """A code whose lease has run out, and whom it was taken for."""

    app_id: int
    bucket: int
    pool_id: int
    code: str
    message_id: int
    owner: str
    owner_bucket: int
    taken_until: datetime


class CodeSums(msgspec.Struct, frozen=True):
    """How many codes of a pool are in which state; `message_id` None: of no message."""

    message_id: int | None
    free: int
    expired: int
    taken: int
    given: int
    redeemed: int


async def insert(db: Queryable, *, app_id: int, pool_id: int, codes: Sequence[tuple[int, NewCode]]) -> int:
    """Adds codes, each with its bucket; how many were not there yet."""
    ordered = sorted(codes, key=lambda one: (one[0], one[1].code))
    tag = await db.execute(
        """
        INSERT INTO coupon_codes (app_id, bucket, pool_id, code, expires_at)
        SELECT $1, bucket, $2, code, expires_at
          FROM unnest($3::smallint[], $4::text[], $5::timestamptz[]) AS new (bucket, code, expires_at)
        ON CONFLICT DO NOTHING
        """,
        app_id,
        pool_id,
        [bucket for bucket, _ in ordered],
        [one.code for _, one in ordered],
        [one.expires_at for _, one in ordered],
    )
    return affected(tag)


async def take(
    db: Queryable,
    *,
    app_id: int,
    bucket: int,
    pool_id: int,
    after: str,
    message_id: int,
    owners: Sequence[tuple[str, int]],
    lease_s: int,
) -> list[TakenCode]:
    """Takes free codes of one bucket behind `after`, one for each (owner, bucket of the owner) as far as they last.

    Index coupon_codes_free. What others are taking in this moment is passed over. MATERIALIZED, or a nested loop may
    ask for the next few again and again, past the limit.
    """
    rows = await db.fetch(
        """
        WITH chosen AS MATERIALIZED (
            SELECT code FROM coupon_codes
             WHERE app_id = $1 AND bucket = $2 AND pool_id = $3 AND state = 0 AND code > $4
               AND (expires_at IS NULL OR expires_at > now())
             ORDER BY code LIMIT $5 FOR UPDATE SKIP LOCKED),
        free AS (SELECT code, row_number() OVER (ORDER BY code) AS place FROM chosen),
        wanted AS (SELECT owner, owner_bucket, place
                     FROM unnest($6::text[], $7::smallint[]) WITH ORDINALITY AS o (owner, owner_bucket, place))
        UPDATE coupon_codes c
           SET state = 1, msg_id = $8, owner = wanted.owner, owner_bucket = wanted.owner_bucket,
               taken_until = now() + $9 * interval '1 second', given_at = NULL
          FROM free JOIN wanted USING (place)
         WHERE c.app_id = $1 AND c.bucket = $2 AND c.pool_id = $3 AND c.code = free.code AND c.state = 0
        RETURNING c.code, c.owner
        """,
        app_id,
        bucket,
        pool_id,
        after,
        len(owners),
        [owner for owner, _ in owners],
        [owner_bucket for _, owner_bucket in owners],
        message_id,
        lease_s,
    )
    return [TakenCode(bucket, row["code"], row["owner"]) for row in rows]


async def confirm(
    db: Queryable, *, app_id: int, message_id: int, given: Sequence[GivenCode]
) -> dict[str, ConfirmedCode]:
    """Makes codes their owners' for good, as far as their rows still name them; by owner. May be done again."""
    rows = await db.fetch(
        """
        UPDATE coupon_codes c
           SET state = GREATEST(c.state, 2), taken_until = NULL, given_at = coalesce(c.given_at, now())
          FROM unnest($2::smallint[], $3::int[], $4::text[], $5::text[]) AS g (bucket, pool_id, code, owner)
         WHERE c.app_id = $1 AND c.bucket = ANY($2::smallint[]) AND c.bucket = g.bucket AND c.pool_id = g.pool_id
           AND c.code = g.code AND c.msg_id = $6 AND c.owner = g.owner AND c.state > 0
        RETURNING c.owner, c.code, c.expires_at
        """,
        app_id,
        [one.code_bucket for one in given],
        [one.pool_id for one in given],
        [one.code for one in given],
        [one.owner for one in given],
        message_id,
    )
    return {row["owner"]: ConfirmedCode(row["owner"], row["code"], row["expires_at"]) for row in rows}


async def put_back(db: Queryable, *, app_id: int, pool_id: int, message_id: int, taken: Sequence[TakenCode]) -> int:
    """Frees codes that were taken and then not needed, unless they were confirmed meanwhile; how many."""
    tag = await db.execute(
        """
        UPDATE coupon_codes c
           SET state = 0, msg_id = NULL, owner = NULL, owner_bucket = NULL, taken_until = NULL
          FROM unnest($2::smallint[], $3::text[], $4::text[]) AS t (bucket, code, owner)
         WHERE c.app_id = $1 AND c.bucket = ANY($2::smallint[]) AND c.bucket = t.bucket AND c.pool_id = $5
           AND c.code = t.code AND c.msg_id = $6 AND c.owner = t.owner AND c.state = 1
        """,
        app_id,
        [one.bucket for one in taken],
        [one.code for one in taken],
        [one.owner for one in taken],
        pool_id,
        message_id,
    )
    return affected(tag)


async def give_back(db: Queryable, *, app_id: int, message_id: int, given: Sequence[GivenCode]) -> int:
    """Frees codes that were given and reached nobody, unless somebody redeemed them; how many."""
    tag = await db.execute(
        """
        UPDATE coupon_codes c
           SET state = 0, msg_id = NULL, owner = NULL, owner_bucket = NULL, taken_until = NULL, given_at = NULL
          FROM unnest($2::smallint[], $3::int[], $4::text[], $5::text[]) AS g (bucket, pool_id, code, owner)
         WHERE c.app_id = $1 AND c.bucket = ANY($2::smallint[]) AND c.bucket = g.bucket AND c.pool_id = g.pool_id
           AND c.code = g.code AND c.msg_id = $6 AND c.owner = g.owner AND c.state IN (1, 2)
        """,
        app_id,
        [one.code_bucket for one in given],
        [one.pool_id for one in given],
        [one.code for one in given],
        [one.owner for one in given],
        message_id,
    )
    return affected(tag)


async def blank_owner(db: Queryable, *, app_id: int, given: Sequence[GivenCode], blank: str) -> None:
    """Codes stay given, and their rows name `blank` in place of the person."""
    await db.execute(
        """
        UPDATE coupon_codes c SET owner = $6
          FROM unnest($2::smallint[], $3::int[], $4::text[], $5::text[]) AS g (bucket, pool_id, code, owner)
         WHERE c.app_id = $1 AND c.bucket = ANY($2::smallint[]) AND c.bucket = g.bucket AND c.pool_id = g.pool_id
           AND c.code = g.code AND c.owner = g.owner
        """,
        app_id,
        [one.code_bucket for one in given],
        [one.pool_id for one in given],
        [one.code for one in given],
        [one.owner for one in given],
        blank,
    )


async def late(db: Queryable, *, limit: int) -> list[LateCode]:
    """Codes that were taken and not confirmed in time, of all apps (index coupon_codes_taken)."""
    rows = await db.fetch(
        "SELECT app_id, bucket, pool_id, code, msg_id AS message_id, owner, owner_bucket, taken_until FROM coupon_codes"
        " WHERE state = 1 AND taken_until < now() ORDER BY taken_until LIMIT $1",
        limit,
    )
    return [LateCode(**dict(row)) for row in rows]


async def free_late(db: Queryable, *, app_id: int, late: Sequence[LateCode]) -> int:
    """Frees codes of one app whose lease ran out, unless anything became of them since they were looked at."""
    tag = await db.execute(
        """
        UPDATE coupon_codes c
           SET state = 0, msg_id = NULL, owner = NULL, owner_bucket = NULL, taken_until = NULL
          FROM unnest($2::smallint[], $3::int[], $4::text[], $5::text[], $6::timestamptz[])
               AS t (bucket, pool_id, code, owner, taken_until)
         WHERE c.app_id = $1 AND c.bucket = ANY($2::smallint[]) AND c.bucket = t.bucket AND c.pool_id = t.pool_id
           AND c.code = t.code AND c.owner = t.owner AND c.taken_until = t.taken_until AND c.state = 1
        """,
        app_id,
        [one.bucket for one in late],
        [one.pool_id for one in late],
        [one.code for one in late],
        [one.owner for one in late],
        [one.taken_until for one in late],
    )
    return affected(tag)


async def count_free(db: Queryable, *, app_id: int, buckets: Sequence[int], pool_id: int, at_most: int) -> int:
    """How many codes can still be given, counted no further than `at_most` (index coupon_codes_free)."""
    return await db.fetchval(
        """
        SELECT count(*) FROM (
            SELECT 1 FROM coupon_codes
             WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND pool_id = $3 AND state = 0
               AND (expires_at IS NULL OR expires_at > now()) LIMIT $4) few
        """,
        app_id,
        list(buckets),
        pool_id,
        at_most,
    )


async def are_some_taken(db: Queryable, *, app_id: int, buckets: Sequence[int], pool_id: int) -> bool:
    """Whether somebody holds codes that may come back (index coupon_codes_taken)."""
    return await db.fetchval(
        """
        SELECT EXISTS (SELECT 1 FROM coupon_codes
                        WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND pool_id = $3 AND state = 1)
        """,
        app_id,
        list(buckets),
        pool_id,
    )


async def count(db: Queryable, *, app_id: int, buckets: Sequence[int], pool_id: int) -> int:
    """How many codes a pool has, whatever became of them (index coupon_codes_pkey)."""
    return await db.fetchval(
        "SELECT count(*) FROM coupon_codes WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND pool_id = $3",
        app_id,
        list(buckets),
        pool_id,
    )


async def sums(db: Queryable, *, app_id: int, buckets: Sequence[int], pool_id: int) -> list[CodeSums]:
    """The codes of a pool by message and state: all of its rows are read."""
    rows = await db.fetch(
        """
        SELECT msg_id AS message_id,
               count(*) FILTER (WHERE state = 0 AND (expires_at IS NULL OR expires_at > now()))::int AS free,
               count(*) FILTER (WHERE state = 0 AND expires_at <= now())::int AS expired,
               count(*) FILTER (WHERE state = 1)::int AS taken,
               count(*) FILTER (WHERE state = 2 OR (state = 4 AND given_at IS NOT NULL))::int AS given,
               count(*) FILTER (WHERE state = 4)::int AS redeemed
          FROM coupon_codes
         WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND pool_id = $3
         GROUP BY msg_id
        """,
        app_id,
        list(buckets),
        pool_id,
    )
    return [CodeSums(**dict(row)) for row in rows]


async def redeem(
    db: Queryable, *, app_id: int, pool_ids: Sequence[int], codes: Sequence[tuple[int, str]], at: datetime
) -> list[tuple[int, str, int | None]]:
    """Marks (bucket, code) as redeemed; (pool, code, message) of those that were not, and had not expired then."""
    rows = await db.fetch(
        """
        UPDATE coupon_codes c SET state = 4, redeemed_at = $5::timestamptz, taken_until = NULL
          FROM unnest($2::smallint[], $3::text[]) AS r (bucket, code)
         WHERE c.app_id = $1 AND c.bucket = ANY($2::smallint[]) AND c.bucket = r.bucket AND c.code = r.code
           AND c.pool_id = ANY($4::int[]) AND c.state < 4 AND (c.expires_at IS NULL OR c.expires_at > $5::timestamptz)
        RETURNING c.pool_id, c.code, c.msg_id
        """,
        app_id,
        [bucket for bucket, _ in codes],
        [code for _, code in codes],
        list(pool_ids),
        at,
    )
    return [(row["pool_id"], row["code"], row["msg_id"]) for row in rows]


async def find(
    db: Queryable, *, app_id: int, bucket: int, pool_id: int, code: str
) -> tuple[int, datetime | None, datetime | None] | None:
    """State, expiry and time of redemption of one code; None where the pool does not have it."""
    row = await db.fetchrow(
        "SELECT state, expires_at, redeemed_at FROM coupon_codes"
        " WHERE app_id = $1 AND bucket = $2 AND pool_id = $3 AND code = $4",
        app_id,
        bucket,
        pool_id,
        code,
    )
    return None if row is None else (row["state"], row["expires_at"], row["redeemed_at"])


async def delete_some(db: Queryable, *, app_id: int, buckets: Sequence[int], pool_id: int, limit: int) -> int:
    """Deletes codes of a pool that is no more; how many."""
    tag = await db.execute(
        """
        DELETE FROM coupon_codes WHERE app_id = $1 AND (bucket, pool_id, code) IN
            (SELECT bucket, pool_id, code FROM coupon_codes
              WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND pool_id = $3 LIMIT $4)
        """,
        app_id,
        list(buckets),
        pool_id,
        limit,
    )
    return affected(tag)
