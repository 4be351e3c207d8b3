"""Deletes what has had its day, in small steps: each leans on an index and holds little for a short time.

Whoever finds its row in use by somebody waits, and asks then whether the row has still had its day: the condition
stands outside of the list of keys as well, since Postgres looks at nothing else of a row that changed meanwhile.

A message is kept for 90 days, its chunks for a week after its end: its tally is their sum. `is_swept` says that its
chunks are gone, so that nobody looks for them twice. Outcomes and receipts go with their days (`partitions`), the rows
of deleted apps by `deleted_apps`.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

import msgspec

from gateway.model.ids import bucket_of_id, bucket_of_message, bucket_of_text, buckets_of_app
from gateway.model.limits import PRUNE_MESSAGES, PRUNE_PROBES_MAX, PRUNE_ROWS, PRUNE_STEPS_MAX, WITHDRAWALS_DAYS
from gateway.store import deleted_apps, device_events, inbox_marks, list_remains, opt_ins, visitors
from gateway.store.database import Queryable, Record, affected

HISTORY_DAYS: Final = 90
"""Outcomes, receipts and messages are kept for so long."""
_PERSONS_AT_ONCE: Final = 100
"""Few enough that every Postgres finds them by key: before version 17 it would rather read the whole table for more."""
_WORK_DAYS: Final = 7
"""Chunks of a message that has ended: long enough to look at what went wrong."""
_ENDED_SUBSCRIPTION_DAYS: Final = 30
"""A device that left or went: long enough to notice that a push service was wrong about many."""


class _Rows(msgspec.Struct, frozen=True):
    """Rows of one app, and where its rows lie."""

    app_id: int
    home: int
    spread: int
    rows: list[Record]

    @property
    def buckets(self) -> list[int]:
        return buckets_of_app(home=self.home, spread=self.spread)


async def prune(db: Queryable, *, steps_max: int = PRUNE_STEPS_MAX) -> int:
    """Takes so many steps of each kind at most, fewer where nothing is left; how many rows went or were seen to."""
    total = 0
    for step in _STEPS:
        for _ in range(steps_max):
            went = await step(db)
            total += went
            if not went:
                break
    return total


async def _idempotency(db: Queryable) -> int:
    """Expired keys (index idempotency_expired)."""
    return _count(
        await db.execute(
            """
            DELETE FROM idempotency WHERE (app_id, bucket, key) IN
                (SELECT app_id, bucket, key FROM idempotency WHERE expires_at < now() ORDER BY expires_at LIMIT $1)
               AND expires_at < now()
            """,
            PRUNE_ROWS,
        )
    )


async def _ended(db: Queryable) -> int:
    """Devices that ended long ago (index subscriptions_ended), with their addresses and their places with people.

    Who is being changed at this moment is passed over: pruning waits for nobody, and nobody deadlocks with it.
    """
    async with db.transaction() as tx:
        rows = await tx.fetch(
            """
            DELETE FROM subscriptions s
             USING (SELECT e.app_id, e.bucket, e.id, a.home, a.spread
                      FROM subscriptions e JOIN apps a ON a.id = e.app_id
                     WHERE e.state <> 0 AND e.ended_at < now() - $1 * interval '1 day'
                     ORDER BY e.ended_at LIMIT $2 FOR UPDATE OF e SKIP LOCKED) old
             WHERE s.app_id = old.app_id AND s.bucket = old.bucket AND s.id = old.id
            RETURNING s.app_id, s.id, s.address_hash, s.person, old.home, old.spread
            """,
            _ENDED_SUBSCRIPTION_DAYS,
            PRUNE_ROWS,
        )
        for one in _by_app(rows):
            await _free_addresses(tx, one)
            await _leave_persons(tx, one)
            await _name_consents(tx, one)
    return len(rows)


async def _withdrawals(db: Queryable) -> int:
    """Addresses whose owners left so long ago that no browser has them any more (index withdrawals_old)."""
    return _count(
        await db.execute(
            """
            DELETE FROM withdrawals WHERE (app_id, bucket, hash) IN
                (SELECT app_id, bucket, hash FROM withdrawals
                  WHERE at < now() - $1 * interval '1 day' ORDER BY at LIMIT $2)
               AND at < now() - $1 * interval '1 day'
            """,
            WITHDRAWALS_DAYS,
            PRUNE_ROWS,
        )
    )


async def _free_addresses(db: Queryable, ended: _Rows) -> None:
    """Makes the addresses of devices that are no more nobody's."""
    hashes: list[bytes] = [row["address_hash"] for row in ended.rows]
    await db.execute(
        """
        DELETE FROM addresses a
         USING unnest($2::smallint[], $3::bytea[], $4::bigint[]) AS n (bucket, hash, id)
         WHERE a.app_id = $1 AND a.bucket = ANY($2::smallint[])
           AND a.bucket = n.bucket AND a.hash = n.hash AND a.subscription_id = n.id
        """,
        ended.app_id,
        [bucket_of_text(one, home=ended.home, spread=ended.spread) for one in hashes],
        hashes,
        [row["id"] for row in ended.rows],
    )


async def _name_consents(db: Queryable, ended: _Rows) -> None:
    """The ledger goes on saying whose devices they were, where it did not: nothing else leads there any more."""
    owned = [(row["id"], row["person"]) for row in ended.rows if row["person"] is not None]
    if owned:
        await db.execute(
            """
            UPDATE consents c SET person = n.person
              FROM unnest($2::smallint[], $3::bigint[], $4::text[]) AS n (bucket, id, person)
             WHERE c.app_id = $1 AND c.bucket = ANY($2::smallint[]) AND c.bucket = n.bucket AND c.sub_id = n.id
               AND c.person IS NULL
            """,
            ended.app_id,
            [bucket_of_id(one, home=ended.home, spread=ended.spread) for one, _ in owned],
            [one for one, _ in owned],
            [person for _, person in owned],
        )


async def _leave_persons(db: Queryable, ended: _Rows) -> None:
    """Takes devices that are no more out of the map of people. Locks them in the order that everybody does."""
    persons: set[str] = {row["person"] for row in ended.rows if row["person"] is not None}
    keyed = sorted((bucket_of_text(one.encode(), home=ended.home, spread=ended.spread), one) for one in persons)
    ids = [row["id"] for row in ended.rows]
    for start in range(0, len(keyed), _PERSONS_AT_ONCE):
        await _leave(db, ended.app_id, keyed[start : start + _PERSONS_AT_ONCE], ids)


async def _leave(db: Queryable, app_id: int, keyed: Sequence[tuple[int, str]], ids: Sequence[int]) -> None:
    """Takes these devices out of the lists of a few people, found by (bucket, person)."""
    await db.execute(
        """
        WITH held AS (
            SELECT p.bucket, p.person FROM persons p
             WHERE p.app_id = $1 AND p.bucket = ANY($2::smallint[]) AND p.person = ANY($3::text[])
             ORDER BY p.bucket, p.person FOR UPDATE OF p)
        UPDATE persons p
           SET subs = ARRAY(SELECT one FROM unnest(p.subs) WITH ORDINALITY AS kept (one, place)
                             WHERE one <> ALL($4::bigint[]) ORDER BY place),
               version = p.version + 1, changed_at = now()
          FROM held
         WHERE p.app_id = $1 AND p.bucket = ANY($2::smallint[]) AND p.person = ANY($3::text[])
           AND p.bucket = held.bucket AND p.person = held.person
        """,
        app_id,
        sorted({bucket for bucket, _ in keyed}),
        [person for _, person in keyed],
        list(ids),
    )


async def _chunks(db: Queryable) -> int:
    """Chunks of messages that ended a week ago; the messages are found first (index messages_finished)."""
    rows = await db.fetch(
        """
        SELECT m.app_id, m.id, a.home, a.spread FROM messages m JOIN apps a ON a.id = m.app_id
         WHERE NOT m.is_swept AND m.finished_at < now() - $1 * interval '1 day'
           AND (m.tally IS NOT NULL OR m.state = 6)
         ORDER BY m.finished_at LIMIT $2
        """,
        _WORK_DAYS,
        PRUNE_MESSAGES,
    )
    return sum([await _sweep(db, one, _few(one)) for one in _by_app(rows)])


async def _sweep(db: Queryable, app: _Rows, ids: Sequence[int]) -> int:
    """Deletes chunks of these messages, and marks the messages once there are no more of them."""
    gone = _count(
        await db.execute(
            """
            DELETE FROM chunks WHERE app_id = $1 AND (bucket, msg_id, part, lo, attempt) IN
                (SELECT bucket, msg_id, part, lo, attempt FROM chunks
                  WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND msg_id = ANY($3::bigint[]) LIMIT $4)
            """,
            app.app_id,
            app.buckets,
            ids,
            PRUNE_ROWS,
        )
    )
    if gone >= PRUNE_ROWS:
        return gone
    await db.execute(
        """
        UPDATE messages m SET is_swept = true FROM unnest($2::smallint[], $3::bigint[]) AS n (bucket, id)
         WHERE m.app_id = $1 AND m.bucket = ANY($2::smallint[]) AND m.bucket = n.bucket AND m.id = n.id
        """,
        app.app_id,
        [bucket_of_message(one) for one in ids],
        ids,
    )
    return gone + len(ids)


async def _messages(db: Queryable) -> int:
    """Messages older than the history that is kept (index messages_finished), after the sums of their receipts."""
    rows = await db.fetch(
        """
        SELECT m.app_id, m.id, a.home, a.spread FROM messages m JOIN apps a ON a.id = m.app_id
         WHERE m.is_swept AND m.finished_at < now() - $1 * interval '1 day'
         ORDER BY m.finished_at LIMIT $2
        """,
        HISTORY_DAYS,
        PRUNE_MESSAGES,
    )
    return sum([await _forget(db, one, _few(one)) for one in _by_app(rows)])


async def _forget(db: Queryable, app: _Rows, ids: Sequence[int]) -> int:
    given = _count(
        await db.execute(
            """
            DELETE FROM coupon_given WHERE app_id = $1 AND (bucket, msg_id, owner) IN
                (SELECT bucket, msg_id, owner FROM coupon_given
                  WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND msg_id = ANY($3::bigint[]) LIMIT $4)
            """,
            app.app_id,
            app.buckets,
            ids,
            PRUNE_ROWS,
        )
    )
    if given >= PRUNE_ROWS:
        return given
    await db.execute(
        "DELETE FROM experiments WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND msg_id = ANY($3::bigint[])",
        app.app_id,
        app.buckets,
        ids,
    )
    await db.execute(
        "DELETE FROM coupon_uses WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND msg_id = ANY($3::bigint[])",
        app.app_id,
        app.buckets,
        ids,
    )
    await db.execute(
        "DELETE FROM receipt_counts WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND msg_id = ANY($3::bigint[])",
        app.app_id,
        app.buckets,
        ids,
    )
    await db.execute(
        """
        DELETE FROM messages m USING unnest($2::smallint[], $3::bigint[]) AS n (bucket, id)
         WHERE m.app_id = $1 AND m.bucket = ANY($2::smallint[]) AND m.bucket = n.bucket AND m.id = n.id
        """,
        app.app_id,
        [bucket_of_message(one) for one in ids],
        ids,
    )
    return len(ids)


def _few(app: _Rows) -> list[int]:
    """So many of the messages that looking for each in every bucket of the app stays a small step."""
    return [row["id"] for row in app.rows[: max(1, PRUNE_PROBES_MAX // app.spread)]]


def _by_app(rows: Iterable[Record]) -> list[_Rows]:
    apps: dict[int, _Rows] = {}
    for row in rows:
        app = apps.setdefault(row["app_id"], _Rows(row["app_id"], row["home"], row["spread"], []))
        app.rows.append(row)
    return list(apps.values())


def _count(tag: str) -> int:
    return affected(tag)


_STEPS: Final[tuple[Callable[[Queryable], Awaitable[int]], ...]] = (
    _idempotency,
    _ended,
    _withdrawals,
    _chunks,
    _messages,
    list_remains.clear,
    opt_ins.prune,
    device_events.prune,
    visitors.prune,
    inbox_marks.prune,
    deleted_apps.empty,
)
