"""Chunks: planned, claimed under a lease, settled under a fence.

Leases are database time; the fence (`claim_no`) decides who may write. A worker that lost its lease finds its update
touches no row, and drops its results: another one has the chunk.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from gateway.model.limits import GROUP_RECIPIENTS_MAX, RETRY_CAP_S
from gateway.model.work import REST_PARTS_FROM, Chunk, ChunkKey, ChunkSum, GroupResult, Hold, NewChunk, Turn
from gateway.store.database import Queryable, Record, affected
from gateway.store.outcomes import insert_outcomes

CLAIM_MAX: Final = 64
WAKE_MAX: Final = 2_000
"""Chunks that are woken at once: a million recipients."""
EVERYBODY: Final = (0, 2**63 - 1)
"""Every range of ids."""


class LeaseLost(Exception):
    """The chunk is somebody else's by now: what was done is theirs to repeat, and nothing was written."""


class Waiting(msgspec.Struct, frozen=True):
    """Recipients whose hour has not come, and when that of the first comes."""

    recipients: int
    until: datetime | None


class Due(msgspec.Struct, frozen=True):
    """(app, message) pairs that have a chunk due, and where the next look goes on: (0, 0) is the start."""

    pairs: list[tuple[int, int]]
    looked_until: tuple[int, int]


async def insert(db: Queryable, chunks: Sequence[NewChunk], *, hold: Hold = Hold.NONE) -> None:
    """Adds work; what is there already stays as it is, so that planning can be done again after a crash."""
    await db.executemany(
        """
        INSERT INTO chunks (app_id, bucket, msg_id, part, lo, attempt, hi, cursor, ids, strikes, expected, hold, due_at,
                            lane)
        VALUES ($1, $2, $3, $4, $5::bigint, $6, $7, $5::bigint - 1, $8, $9, $10, $11,
                now() + $12 * interval '1 second', $13)
        ON CONFLICT DO NOTHING
        """,
        [
            (
                chunk.key.app_id, chunk.key.bucket, chunk.key.message_id, chunk.key.part, chunk.key.lo,
                chunk.key.attempt, chunk.hi, chunk.ids, chunk.strikes, chunk.expected, int(hold), chunk.delay_s,
                chunk.lane,
            )
            for chunk in chunks
        ],
    )  # fmt: skip


async def insert_claimed(
    db: Queryable, chunks: Sequence[Chunk], *, owner: int, lease_s: int, hold: Hold = Hold.NONE
) -> None:
    """Adds work that was born claimed by `owner`, who sends it at once; a crash is healed by the lease."""
    await db.executemany(
        """
        INSERT INTO chunks (app_id, bucket, msg_id, part, lo, attempt, hi, cursor, ids, strikes, expected, hold, state,
                            owner, claim_no, lease_until)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 1, $13, $14, now() + $15 * interval '1 second')
        """,
        [
            (
                chunk.key.app_id, chunk.key.bucket, chunk.key.message_id, chunk.key.part, chunk.key.lo,
                chunk.key.attempt, chunk.hi, chunk.cursor, chunk.ids, chunk.strikes, chunk.expected, int(hold), owner,
                chunk.claim_no, lease_s,
            )
            for chunk in chunks
        ],
    )  # fmt: skip


async def due(db: Queryable, *, after: tuple[int, int], limit: int) -> Due:
    """Whose chunks are due, looking at most at `limit` messages behind the pair `after` (index chunks_turns).

    One step into the index for each message that has anything waiting, however many chunks of it wait.
    """
    rows = await db.fetch(
        """
        WITH RECURSIVE waiting AS (
            (SELECT app_id, msg_id, due_at FROM chunks
              WHERE state = 0 AND hold = 0 AND (app_id, msg_id) > ($1::int, $2::bigint)
              ORDER BY app_id, msg_id, due_at LIMIT 1)
            UNION ALL
            SELECT next.app_id, next.msg_id, next.due_at
              FROM waiting w CROSS JOIN LATERAL (
                   SELECT app_id, msg_id, due_at FROM chunks
                    WHERE state = 0 AND hold = 0 AND (app_id, msg_id) > (w.app_id, w.msg_id)
                    ORDER BY app_id, msg_id, due_at LIMIT 1) next)
        SELECT app_id, msg_id, due_at <= now() AS is_due FROM waiting LIMIT $3
        """,
        *after,
        limit,
    )
    last = (rows[-1]["app_id"], rows[-1]["msg_id"]) if len(rows) == limit else (0, 0)
    return Due([(row["app_id"], row["msg_id"]) for row in rows if row["is_due"]], last)


async def claim(
    db: Queryable, turn: Turn, *, owner: int, lease_s: int, ids: tuple[int, int] = EVERYBODY
) -> list[Chunk]:
    """Takes chunks of a message that begin in this range of ids, those longest due first (index chunks_turns).

    What others are taking is skipped. MATERIALIZED, or a nested loop may ask for the next few again and again, past the
    limit.
    """
    rows = await db.fetch(
        """
        WITH chosen AS MATERIALIZED (
            SELECT app_id, bucket, msg_id, part, lo, attempt FROM chunks
             WHERE state = 0 AND hold = 0 AND app_id = $1 AND msg_id = $2 AND due_at <= now() AND lo BETWEEN $3 AND $4
             ORDER BY due_at LIMIT $5 FOR UPDATE SKIP LOCKED)
        UPDATE chunks c
           SET state = 1, owner = $6, claim_no = c.claim_no + 1, lease_until = now() + $7 * interval '1 second',
               lane = NULL
          FROM chosen
         WHERE c.app_id = chosen.app_id AND c.bucket = chosen.bucket AND c.msg_id = chosen.msg_id
           AND c.part = chosen.part AND c.lo = chosen.lo AND c.attempt = chosen.attempt
        RETURNING c.app_id, c.bucket, c.msg_id, c.part, c.lo, c.attempt, c.hi, c.cursor, c.ids, c.strikes, c.claim_no,
                  c.expected, c.seen, c.tally, c.torn
        """,
        turn.app_id,
        turn.message_id,
        *ids,
        min(turn.chunks, CLAIM_MAX),
        owner,
        lease_s,
    )
    return [_chunk(row) for row in rows]


async def release_expired(db: Queryable) -> int:
    """Frees the chunks whose worker fell silent (index chunks_leased); how many. A group of each may have been sent."""
    tag = await db.execute(
        "UPDATE chunks SET state = 0, owner = NULL, due_at = greatest(due_at, now()), torn = $1"
        " WHERE state = 1 AND lease_until < now()",
        GROUP_RECIPIENTS_MAX,
    )
    return affected(tag)


async def release_owned(db: Queryable, *, owner: int) -> int:
    """Frees what a process held that is known to be dead (index chunks_leased); how many. Groups may have been sent."""
    tag = await db.execute(
        "UPDATE chunks SET state = 0, owner = NULL, due_at = greatest(due_at, now()), torn = $2"
        " WHERE state = 1 AND owner = $1",
        owner,
        GROUP_RECIPIENTS_MAX,
    )
    return affected(tag)


async def renew(db: Queryable, held: Sequence[Chunk], *, lease_s: int) -> None:
    """Prolongs the leases of the chunks that a process is at. What it gave up, or never heard it had, runs out."""
    await db.execute(
        """
        UPDATE chunks c SET lease_until = now() + $8 * interval '1 second'
          FROM unnest($1::int[], $2::smallint[], $3::bigint[], $4::smallint[], $5::bigint[], $6::smallint[], $7::int[])
               AS held (app_id, bucket, msg_id, part, lo, attempt, claim_no)
         WHERE c.app_id = held.app_id AND c.bucket = held.bucket AND c.msg_id = held.msg_id AND c.part = held.part
           AND c.lo = held.lo AND c.attempt = held.attempt AND c.claim_no = held.claim_no AND c.state = 1
        """,
        [chunk.key.app_id for chunk in held],
        [chunk.key.bucket for chunk in held],
        [chunk.key.message_id for chunk in held],
        [chunk.key.part for chunk in held],
        [chunk.key.lo for chunk in held],
        [chunk.key.attempt for chunk in held],
        [chunk.claim_no for chunk in held],
        lease_s,
        idempotent=True,
    )


async def release(db: Queryable, chunk: Chunk, *, delay_s: float = 0.0, lane: int | None = None) -> None:
    """Gives a chunk back, to be claimed again after `delay_s`, or when the lane with this mark runs again.

    Does nothing if it is not ours any more.
    """
    key = chunk.key
    await db.execute(
        """
        UPDATE chunks
           SET state = 0, owner = NULL, due_at = greatest(due_at, now() + $8 * interval '1 second'), lane = $9
         WHERE app_id = $1 AND bucket = $2 AND msg_id = $3 AND part = $4 AND lo = $5 AND attempt = $6
           AND claim_no = $7 AND state = 1
        """,
        key.app_id, key.bucket, key.message_id, key.part, key.lo, key.attempt, chunk.claim_no, delay_s, lane,
    )  # fmt: skip


async def wake(db: Queryable, *, app_id: int, lanes: Sequence[int]) -> int:
    """Makes due what waits for the lanes with these marks (index chunks_lane), up to `WAKE_MAX` chunks; how many."""
    tag = await db.execute(
        """
        UPDATE chunks c SET due_at = now(), lane = NULL
          FROM (SELECT app_id, bucket, msg_id, part, lo, attempt FROM chunks
                 WHERE app_id = $1 AND state = 0 AND lane = ANY($2::int[]) LIMIT $3 FOR UPDATE SKIP LOCKED) waiting
         WHERE c.app_id = waiting.app_id AND c.bucket = waiting.bucket AND c.msg_id = waiting.msg_id
           AND c.part = waiting.part AND c.lo = waiting.lo AND c.attempt = waiting.attempt
        """,
        app_id,
        list(lanes),
        WAKE_MAX,
        idempotent=True,
    )
    return affected(tag)


async def abandon(db: Queryable, chunk: Chunk) -> None:
    """Ends a chunk whose message is not there any more."""
    key = chunk.key
    await db.execute(
        """
        UPDATE chunks SET state = 2
         WHERE app_id = $1 AND bucket = $2 AND msg_id = $3 AND part = $4 AND lo = $5 AND attempt = $6
           AND claim_no = $7 AND state = 1
        """,
        key.app_id, key.bucket, key.message_id, key.part, key.lo, key.attempt, chunk.claim_no,
    )  # fmt: skip


async def settle(db: Queryable, result: GroupResult, *, owner: int, lease_s: int) -> Hold:
    """Records a group: cursor, tally, outcomes, retries and closed addresses in one transaction of one bucket.

    Answers what was said of the message meanwhile. Raises `LeaseLost`, with nothing written, when the chunk is not ours
    any more. Nothing is written twice: where this very group was settled before, by a commit whose answer got lost,
    the answer is given again (the cursor is part of the fence). The lease is renewed. Who was still being tried goes on
    in a chunk of `owner`'s own (`result.late`).
    """
    key = result.chunk.key
    async with db.transaction() as tx:
        hold = await tx.fetchval(
            """
            UPDATE chunks SET cursor = $8, seen = $9, tally = $10, state = $11, torn = greatest(0, torn - ($9 - seen)),
                   lease_until = now() + $12 * interval '1 second'
             WHERE app_id = $1 AND bucket = $2 AND msg_id = $3 AND part = $4 AND lo = $5 AND attempt = $6
               AND claim_no = $7 AND state = 1 AND cursor = $13
            RETURNING hold
            """,
            key.app_id, key.bucket, key.message_id, key.part, key.lo, key.attempt, result.chunk.claim_no,
            result.cursor, result.seen, result.tally, 2 if result.is_finished else 1, lease_s, result.chunk.cursor,
        )  # fmt: skip
        if hold is None:
            return await _settled_before(tx, result)
        await record(tx, [result], {key.message_id: Hold(hold)})
        if result.deferred:
            await _expect_more(tx, key, result.deferred)
        if result.late is not None:
            await insert_claimed(tx, [result.late], owner=owner, lease_s=lease_s, hold=Hold(hold))
    return Hold(hold)


async def _expect_more(db: Queryable, key: ChunkKey, people: int) -> None:
    """The chunk of those who wait for an experiment's winner gets so many more; it lies in the same bucket."""
    await db.execute(
        "UPDATE chunks SET expected = expected + $6"
        " WHERE app_id = $1 AND bucket = $2 AND msg_id = $3 AND part = $4 AND lo = $5 AND attempt = 1",
        key.app_id,
        key.bucket,
        key.message_id,
        key.part + REST_PARTS_FROM,
        key.lo,
        people,
    )


async def _settled_before(db: Queryable, result: GroupResult) -> Hold:
    """The answer that got lost, if it was our own commit that moved the cursor. Raises `LeaseLost`."""
    key = result.chunk.key
    hold = await db.fetchval(
        """
        SELECT hold FROM chunks
         WHERE app_id = $1 AND bucket = $2 AND msg_id = $3 AND part = $4 AND lo = $5 AND attempt = $6
           AND claim_no = $7 AND cursor = $8 AND state = $9
        """,
        key.app_id, key.bucket, key.message_id, key.part, key.lo, key.attempt, result.chunk.claim_no, result.cursor,
        2 if result.is_finished else 1,
    )  # fmt: skip
    if hold is None:
        raise LeaseLost
    return Hold(hold)


async def record(db: Queryable, results: Sequence[GroupResult], holds: Mapping[int, Hold]) -> None:
    """Writes what became of groups whose fences held: outcomes, retries, closed addresses, doubts. One bucket.

    holds: by message. Who is to be tried again waits under the same hold as the chunk that they were in.
    """
    ended = [result for result in results if result.ids]
    assert all(len(result.ids) == len(result.codes) <= GROUP_RECIPIENTS_MAX for result in ended)
    if ended:
        await insert_outcomes(db, [(one.chunk.key, one.day, one.category, one.ids, one.codes) for one in ended])
    for hold in set(holds.values()):
        retries = [one for result in results if holds[result.chunk.key.message_id] is hold for one in result.retries]
        if retries:
            await insert(db, retries, hold=hold)
    for result in results:
        if result.gone:
            await _close(db, result.chunk.key, result.gone)
        if result.suspects or result.cleared:
            await _mark_suspects(db, result.chunk.key, result.suspects, result.cleared)


async def _close(db: Queryable, key: ChunkKey, gone: Mapping[int, datetime]) -> None:
    """Closes addresses that a push service gave up. One that was registered after that moment stays."""
    await db.execute(
        """
        UPDATE subscriptions s SET state = 1, ended_at = now()
          FROM unnest($3::bigint[], $4::timestamptz[]) AS gone (id, at)
         WHERE s.app_id = $1 AND s.bucket = $2 AND s.id = gone.id AND s.state = 0 AND s.registered_at <= gone.at
        """,
        key.app_id,
        key.bucket,
        list(gone),
        list(gone.values()),
    )


async def _mark_suspects(db: Queryable, key: ChunkKey, suspects: list[int], cleared: list[int]) -> None:
    """Keeps the moment of the first doubtful answer of a device; a success clears it."""
    await db.execute(
        """
        UPDATE subscriptions SET suspect_at = CASE WHEN id = ANY($3::bigint[]) THEN coalesce(suspect_at, now()) END
         WHERE app_id = $1 AND bucket = $2 AND id = ANY($4::bigint[])
        """,
        key.app_id,
        key.bucket,
        suspects,
        [*suspects, *cleared],
    )


async def hold(db: Queryable, *, app_id: int, buckets: Sequence[int], message_id: int, to: Hold) -> None:
    """Marks a message's unfinished chunks: workers see it when they settle their group."""
    # A round waits for groups that are being settled, but does not see what they add: retries, and those who are late,
    # whose own retries are the last that can come of it.
    for _ in range(3):
        await db.execute(
            "UPDATE chunks SET hold = $4"
            " WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND msg_id = $3 AND state < 2 AND hold NOT IN (2, $4)",
            app_id,
            list(buckets),
            message_id,
            int(to),
        )


async def put_off(db: Queryable, *, app_id: int, buckets: Sequence[int], message_id: int, to: datetime) -> None:
    """Moves a message's unfinished chunks to another time. Who waits for another try comes no sooner for it.

    A claimed chunk is given back for then; the worker ends its turn first.
    """
    await db.execute(
        """
        UPDATE chunks SET due_at = CASE WHEN attempt = 0 THEN $4 ELSE greatest(due_at, $4) END, lane = NULL
         WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND msg_id = $3 AND state < 2
        """,
        app_id,
        list(buckets),
        message_id,
        to,
    )


async def unfinished(db: Queryable, *, app_id: int, buckets: Sequence[int], message_id: int) -> int:
    """How many chunks of a message are not done; cancelled ones count only while a worker holds them."""
    return await db.fetchval(
        "SELECT count(*) FROM chunks WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND msg_id = $3"
        " AND (state = 1 OR (state = 0 AND hold <> 2))",
        app_id,
        list(buckets),
        message_id,
    )


async def waiting(db: Queryable, *, app_id: int, buckets: Sequence[int], message_id: int) -> Waiting:
    """Who of a message waits for a later hour, beyond the pauses that trouble on the way brings."""
    row = await db.fetchrow(
        "SELECT coalesce(sum(expected - seen), 0)::bigint AS recipients, min(due_at) AS until FROM chunks"
        " WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND msg_id = $3 AND state = 0 AND expected > seen"
        "   AND due_at > now() + $4 * interval '1 second'",
        app_id,
        list(buckets),
        message_id,
        RETRY_CAP_S,
    )
    return Waiting(row["recipients"], row["until"]) if row is not None else Waiting(0, None)


async def sums(db: Queryable, *, app_id: int, buckets: Sequence[int], message_id: int) -> list[ChunkSum]:
    """The tallies of a message's chunks."""
    rows = await db.fetch(
        "SELECT attempt, state, hold, expected, seen, tally FROM chunks"
        " WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND msg_id = $3",
        app_id,
        list(buckets),
        message_id,
    )
    return [
        ChunkSum(row["attempt"], row["state"] == 2, row["hold"] == 2, row["expected"], row["seen"], row["tally"])  # noqa: PLR2004 - states of the table
        for row in rows
    ]


def _chunk(row: Record) -> Chunk:
    return Chunk(
        key=ChunkKey(row["app_id"], row["bucket"], row["msg_id"], row["part"], row["lo"], row["attempt"]),
        hi=row["hi"],
        cursor=row["cursor"],
        ids=None if row["ids"] is None else sorted(row["ids"]),
        strikes=row["strikes"],
        claim_no=row["claim_no"],
        expected=row["expected"],
        seen=row["seen"],
        tally=row["tally"],
        torn=row["torn"],
    )
