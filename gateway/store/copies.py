"""The fan-out: what is known of people, copied onto each of their devices.

A person's `version` goes up with every change of what devices carry, `copied` follows once all of them have it. Whoever
changed something copies at once; what a crash left behind is found by index persons_stale. An older copy never takes
the place of a newer one, so both may happen at the same time and in any order.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from gateway.model.app import App
from gateway.model.errors import StoreUnavailable
from gateway.model.limits import PEOPLE_WRITE_ATTEMPTS_MAX
from gateway.model.person import Profile, copy_of
from gateway.store.database import Queryable
from gateway.store.faults import was_deadlock
from gateway.store.persons import person_bucket_of
from gateway.store.subscriptions import bucket_of


class Source(msgspec.Struct, frozen=True):
    """A person whose devices are behind: which they are, and what they are to carry, as JSON text."""

    person: str
    bucket: int
    version: int
    subscriptions: list[int]
    copy: str


async def stale(db: Queryable, *, older_s: float, limit: int) -> dict[int, list[str]]:
    """People of all apps whose devices have been behind for so long, the longest first: by the app's number."""
    rows = await db.fetch(
        """
        SELECT p.app_id, p.person FROM persons AS p JOIN apps AS a ON a.id = p.app_id AND a.deleted_at IS NULL
        WHERE p.copied < p.version AND p.changed_at < now() - $1 * interval '1 second'
        ORDER BY p.changed_at LIMIT $2
        """,
        older_s,
        limit,
    )
    found: dict[int, list[str]] = {}
    for row in rows:
        found.setdefault(row["app_id"], []).append(row["person"])
    return found


async def lag_s(db: Queryable) -> float:
    """For how long the person has been waiting who has been waiting the longest; 0 where nobody is."""
    return await db.fetchval(
        """
        SELECT coalesce((SELECT extract(epoch FROM now() - p.changed_at)::float8
                         FROM persons AS p JOIN apps AS a ON a.id = p.app_id AND a.deleted_at IS NULL
                         WHERE p.copied < p.version ORDER BY p.changed_at LIMIT 1), 0)
        """
    )


async def copy(db: Queryable, app: App, persons: Sequence[str]) -> int:
    """Brings the devices of those of these people up to date that are behind; how many people that were.

    `db` is the pool: in a transaction of the caller's, its commit would not wait for the disk either.
    """
    for attempt in range(1, PEOPLE_WRITE_ATTEMPTS_MAX + 1):
        try:
            return await _copy_once(db, app, persons)
        except StoreUnavailable as fault:
            if attempt == PEOPLE_WRITE_ATTEMPTS_MAX or not was_deadlock(fault):
                raise
    return 0


async def _copy_once(db: Queryable, app: App, persons: Sequence[str]) -> int:
    """One transaction, so that a copy and its mark are there together, or not; nobody waits until it is on disk.

    A crash of the database may take back the latest of these, and with them their marks: the loop makes them again.
    """
    async with db.transaction() as tx:
        await tx.execute("SET LOCAL synchronous_commit = off")
        sources = await _read(tx, app, persons)
        await _write(tx, app, sources)
        await _mark(tx, app, sources)
    return len(sources)


async def _read(db: Queryable, app: App, persons: Sequence[str]) -> list[Source]:
    rows = await db.fetch(
        """
        SELECT person, bucket, version, subs, attrs, facts FROM persons
        WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND person = ANY($3::text[]) AND copied < version
        """,
        app.id,
        list({person_bucket_of(app, one) for one in persons}),
        list(persons),
    )
    return [
        Source(
            row["person"],
            row["bucket"],
            row["version"],
            row["subs"],
            _text(
                copy_of(
                    msgspec.convert(row["attrs"] or {}, Profile),
                    row["facts"] or {},
                    devices=len(row["subs"]),
                    version=row["version"],
                )
            ),
        )
        for row in rows
    ]


def _text(copy: dict[str, Any]) -> str:
    return msgspec.json.encode(copy).decode()


async def _write(db: Queryable, app: App, sources: Sequence[Source]) -> None:
    """In the order of the devices' keys, so that two of these wait for one another and do not deadlock."""
    rows = sorted(
        (bucket_of(app, one), one, source.person, source.version, source.copy)
        for source in sources
        for one in source.subscriptions
    )
    if not rows:
        return
    buckets, ids, persons, versions, copies = (list(column) for column in zip(*rows, strict=True))
    await db.execute(
        """
        UPDATE subscriptions AS s SET facts = n.copy::jsonb
        FROM unnest($2::smallint[], $3::bigint[], $4::text[], $5::bigint[], $6::text[])
             AS n (bucket, id, person, version, copy)
        WHERE s.app_id = $1 AND s.bucket = ANY($7::smallint[]) AND s.bucket = n.bucket AND s.id = n.id
          AND s.person = n.person AND coalesce((s.facts->>'v')::bigint, 0) < n.version
        """,
        app.id,
        buckets,
        ids,
        persons,
        versions,
        copies,
        sorted(set(buckets)),
    )


async def _mark(db: Queryable, app: App, sources: Sequence[Source]) -> None:
    rows = sorted((one.bucket, one.person, one.version) for one in sources)
    if not rows:
        return
    buckets, persons, versions = (list(column) for column in zip(*rows, strict=True))
    await db.execute(
        """
        UPDATE persons AS p SET copied = n.version
        FROM unnest($2::smallint[], $3::text[], $4::bigint[]) AS n (bucket, person, version)
        WHERE p.app_id = $1 AND p.bucket = ANY($5::smallint[]) AND p.bucket = n.bucket AND p.person = n.person
          AND p.copied < n.version
        """,
        app.id,
        buckets,
        persons,
        versions,
        sorted(set(buckets)),
    )
