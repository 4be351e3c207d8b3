"""Audiences counted for people who plan: whole, or in one stretch of the ids, which is a fair sample of all."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final, LiteralString

import msgspec

from gateway.model.audience import Audience
from gateway.model.segment import Names
from gateway.store.conditions import Condition
from gateway.store.database import Connection, Database, Queryable

_WEIGHT: Final[LiteralString] = "1.0 / greatest(1.0, coalesce((facts -> 'devices')::float8, 1.0))"
"""A device's part of its person: the devices of one person add up to one."""
_ZONE: Final[LiteralString] = "coalesce(timezone, facts ->> 'timezone', geo_timezone)"


class Tally(msgspec.Struct, frozen=True):
    """Devices of one channel in one time zone (None: unknown), and what they make of their people."""

    channel: str
    timezone: str | None
    devices: int
    people: float
    people_squares: float


async def live_between(db: Queryable, *, app_id: int, buckets: Sequence[int], low: int, high: int) -> int:
    """How many live devices have an id in the stretch: an index-only scan of `subscriptions_live`."""
    return await db.fetchval(
        "SELECT count(*) FROM subscriptions"
        " WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND id >= $3 AND id < $4 AND state = 0",
        app_id,
        list(buckets),
        low,
        high,
    )


async def tallies(
    db: Queryable,
    *,
    app_id: int,
    buckets: Sequence[int],
    low: int,
    high: int,
    audience: Audience,
    names: Names,
    now: datetime,
) -> list[Tally]:
    """The audience among the ids of a stretch, by channel and time zone.

    OFFSET 0: the stretch is read by its key, whatever index the filter has. Of a statement that is asked often Postgres
    stops looking at the values, and would read everybody who fits for the few of them in the stretch.
    """
    condition = Condition(first=5, names=names, now=now)
    where = condition.of(audience)
    rows = await db.fetch(
        "SELECT channel, zone, count(*) AS devices, sum(weight) AS people, sum(weight * weight) AS squares"
        " FROM (SELECT provider AS channel, "
        + _ZONE
        + " AS zone, "
        + _WEIGHT
        + " AS weight FROM (SELECT * FROM subscriptions"
        " WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND id >= $3 AND id < $4 AND state = 0"
        " OFFSET 0) AS stretch WHERE " + where + ") AS sampled GROUP BY 1, 2",
        app_id,
        list(buckets),
        low,
        high,
        *condition.args,
    )
    return [Tally(row["channel"], row["zone"], row["devices"], row["people"], row["squares"]) for row in rows]


async def counted(
    tx: Connection,
    *,
    app_id: int,
    buckets: Sequence[int],
    audience: Audience,
    names: Names,
    now: datetime,
    ids: Sequence[int] | None = None,
) -> tuple[list[Tally], int]:
    """The whole audience (of these ids only, where they are given), by channel and time zone; and how many people.

    Each person counts once, a device of nobody known as one. The app is read once: what counts is kept for both sums.
    Hashes of 64 bits are told apart several times faster than names; two people in a million million share one.
    """
    condition = Condition(first=3, names=names, now=now)
    where = _of(condition, audience, ids)
    rows = await tx.fetch(
        "WITH fit AS MATERIALIZED ("
        " SELECT provider, " + _ZONE + " AS zone, hashtextextended(person, 0) AS who FROM subscriptions"
        " WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND state = 0 AND " + where + ")"
        " SELECT provider, zone, count(*) AS devices, 0 AS people FROM fit GROUP BY 1, 2"
        " UNION ALL SELECT NULL, NULL, 0, count(*) FILTER (WHERE who IS NULL) + count(DISTINCT who) FROM fit",
        app_id,
        list(buckets),
        *condition.args,
    )
    tallies = [Tally(row["provider"], row["zone"], row["devices"], 0.0, 0.0) for row in rows if row["provider"]]
    return tallies, sum(row["people"] for row in rows)


def _of(condition: Condition, audience: Audience, ids: Sequence[int] | None) -> LiteralString:
    where = condition.of(audience)
    return where if ids is None else where + " AND id = ANY(" + condition.value(list(ids)) + "::bigint[])"


@asynccontextmanager
async def counting(db: Database) -> AsyncGenerator[Connection]:
    """A transaction that reads a whole app: with helpers on other cores, and memory for a map of its pages."""
    async with db.transaction() as tx:
        await tx.fetchval(
            "SELECT set_config('max_parallel_workers_per_gather', '2', true), set_config('work_mem', '64MB', true),"
            " set_config('parallel_tuple_cost', '0.001', true),"
            " set_config('plan_cache_mode', 'force_custom_plan', true)"
        )
        yield tx
