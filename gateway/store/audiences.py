"""Who is in an audience: counted for planning, read in groups for sending.

An `Audience` is one condition on the subscription row alone (`store.conditions`). Periods in it, such as "within 30
days", go back from `now`: for a message from when it was planned, so that counting and reading mean the same people.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, LiteralString

import msgspec

from gateway.model.audience import Audience
from gateway.model.delivery import Device
from gateway.model.segment import Names
from gateway.store.conditions import EVERYBODY, Condition
from gateway.store.database import Queryable

_DEVICE: Final[LiteralString] = "id, provider, credential_id, wire, platform, locale, suspect_at, person"
_PERSON: Final[LiteralString] = ", timezone, country, attrs, facts, geo_timezone, best_hour"
"""What only some messages need of a recipient; it costs as much to read as all the rest."""
_BEHIND: Final[LiteralString] = (
    " FROM subscriptions WHERE app_id = $1 AND bucket = $2 AND id > $3 AND id <= $4 AND state = 0 AND enrolled_at <= $5"
)


class Slice(msgspec.Struct, frozen=True):
    """How many of an audience have an id that starts with these ten bits; all of one lie in the same bucket."""

    top_bits: int
    recipients: int


def _columns(*, reads_person: bool) -> LiteralString:
    return _DEVICE + _PERSON if reads_person else _DEVICE


async def count_slices(
    db: Queryable,
    *,
    app_id: int,
    buckets: Sequence[int],
    audience: Audience,
    names: Names,
    now: datetime,
) -> list[Slice]:
    """How the audience lies in the app's key space, in key order: at most 1,024 slices.

    Without a filter this is an index-only scan of `subscriptions_live`.
    """
    condition = Condition(first=3, names=names, now=now)
    where = condition.of(audience)
    rows = await db.fetch(
        "SELECT id >> 52 AS top_bits, count(*) AS recipients FROM subscriptions"
        " WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND state = 0 AND " + where + " GROUP BY 1 ORDER BY 1",
        app_id,
        list(buckets),
        *condition.args,
    )
    return [Slice(row["top_bits"], row["recipients"]) for row in rows]


async def count_by_kind(
    db: Queryable,
    *,
    app_id: int,
    buckets: Sequence[int],
    audience: Audience,
    names: Names,
    now: datetime,
) -> dict[tuple[str, int], int]:
    """How many devices the audience has, by provider and platform: what a dry run shows."""
    condition = Condition(first=3, names=names, now=now)
    where = condition.of(audience)
    rows = await db.fetch(
        "SELECT provider, platform, count(*) AS recipients FROM subscriptions"
        " WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND state = 0 AND " + where + " GROUP BY 1, 2",
        app_id,
        list(buckets),
        *condition.args,
    )
    return {(row["provider"], row["platform"]): row["recipients"] for row in rows}


async def read_range(
    db: Queryable,
    *,
    app_id: int,
    bucket: int,
    after: int,
    up_to: int,
    planned_at: datetime,
    audience: Audience,
    names: Names,
    limit: int,
    reads_person: bool = False,
) -> list[Device]:
    """The next recipients behind a cursor, as they are now: who left since planning is not among them.

    OFFSET 0: a group is read by its key, whatever index the filter has, so that all groups of a message together read
    the app once, and none of them everybody who fits. Without a filter there is nothing to fence in, and no cost of it.
    """
    condition = Condition(first=7, names=names, now=planned_at)
    where = condition.of(audience)
    fenced = " FROM (SELECT *" + _BEHIND + " ORDER BY id OFFSET 0) AS behind WHERE " + where
    source = _BEHIND if where == EVERYBODY else fenced
    rows = await db.fetch(
        "SELECT " + _columns(reads_person=reads_person) + source + " ORDER BY id LIMIT $6",
        app_id,
        bucket,
        after,
        up_to,
        planned_at,
        limit,
        *condition.args,
    )
    return [Device(*row) for row in rows]


async def devices(
    db: Queryable, *, app_id: int, buckets: Sequence[int], ids: Sequence[int], reads_person: bool = False
) -> dict[int, Device]:
    """The devices of these ids that can be sent to, wherever they lie; `buckets` are the ids' own."""
    rows = await db.fetch(
        "SELECT " + _columns(reads_person=reads_person) + " FROM subscriptions"
        " WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND id = ANY($3::bigint[]) AND state = 0",
        app_id,
        list(buckets),
        list(ids),
    )
    return {row["id"]: Device(*row) for row in rows}


async def read_listed(
    db: Queryable, *, app_id: int, bucket: int, ids: Sequence[int], reads_person: bool = False
) -> list[Device]:
    """The devices of these ids that can still be sent to, in id order."""
    rows = await db.fetch(
        "SELECT " + _columns(reads_person=reads_person) + " FROM subscriptions"
        " WHERE app_id = $1 AND bucket = $2 AND id = ANY($3::bigint[]) AND state = 0 ORDER BY id",
        app_id,
        bucket,
        list(ids),
    )
    return [Device(*row) for row in rows]


async def read_members(
    db: Queryable,
    *,
    app_id: int,
    bucket: int,
    ids: Sequence[int],
    planned_at: datetime,
    audience: Audience,
    names: Names,
    reads_person: bool,
) -> list[Device]:
    """Of a list that a plan made of an audience, those who are still in it, in id order."""
    condition = Condition(first=4, names=names, now=planned_at)
    where = condition.of(audience)
    rows = await db.fetch(
        "SELECT " + _columns(reads_person=reads_person) + " FROM subscriptions"
        " WHERE app_id = $1 AND bucket = $2 AND id = ANY($3::bigint[]) AND state = 0 AND " + where + " ORDER BY id",
        app_id,
        bucket,
        list(ids),
        *condition.args,
    )
    return [Device(*row) for row in rows]


async def named(
    db: Queryable,
    *,
    app_id: int,
    buckets: Sequence[int],
    ids: Sequence[int],
    audience: Audience,
    names: Names,
    now: datetime,
    reads_person: bool = False,
) -> list[tuple[int, Device]]:
    """Of devices named one by one, those that the other selectors leave, each with its bucket, in id order."""
    condition = Condition(first=4, names=names, now=now)
    where = condition.of(audience)
    rows = await db.fetch(
        "SELECT bucket, " + _columns(reads_person=reads_person) + " FROM subscriptions"
        " WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND id = ANY($3::bigint[]) AND state = 0 AND "
        + where
        + " ORDER BY id",
        app_id,
        list(buckets),
        list(ids),
        *condition.args,
    )
    return [(row["bucket"], Device(*row[1:])) for row in rows]


async def excluded(
    db: Queryable,
    *,
    app_id: int,
    bucket: int,
    ids: Sequence[int],
    audience: Audience,
    names: Names,
    now: datetime,
) -> list[int]:
    """Which of these devices are in an audience with every selector, as they are now."""
    condition = Condition(first=4, names=names, now=now)
    where = condition.whole(audience)
    rows = await db.fetch(
        "SELECT id FROM subscriptions WHERE app_id = $1 AND bucket = $2 AND id = ANY($3::bigint[]) AND " + where,
        app_id,
        bucket,
        list(ids),
        *condition.args,
    )
    return [row["id"] for row in rows]
