"""Audiences counted for people who plan: whole, or in some stretches of the ids, which are a fair sample of all."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final, LiteralString

import msgspec

from gateway.model.audience import Audience
from gateway.model.segment import Names
from gateway.store.conditions import Condition
from gateway.store.database import Connection, Database, Queryable

_ZONE: Final[LiteralString] = "coalesce(timezone, facts ->> 'timezone', geo_timezone)"
_IS_SHARED: Final[LiteralString] = "coalesce(facts -> 'devices' > '1'::jsonb, FALSE)"
"""The person has other devices, too. Of ended ones among them only the person's row knows."""


class Tally(msgspec.Struct, frozen=True):
    """Devices of one channel in one time zone (None: unknown)."""

    channel: str
    timezone: str | None
    devices: int


class Sample(msgspec.Struct, frozen=True):
    """Of some stretches of ids, the devices that are in an audience."""

    tallies: Sequence[Tally]
    shared: int
    """How many of them belong to people with several."""
    owners: Sequence[tuple[int, str]]
    """The first of those by id, which is to say any of them: device and person."""


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


async def sample(
    db: Queryable,
    *,
    app_id: int,
    stretches: Sequence[tuple[int, int, int]],
    audience: Audience,
    names: Names,
    now: datetime,
    owners: int,
) -> Sample:
    """The audience among the ids of some stretches, by channel and time zone; and at most so many `owners`.

    stretches: bucket, first id, and the id behind the last; none meets another. OFFSET 0: they are read by their keys,
    whatever index the filter has. Of a statement that is asked often Postgres stops looking at the values, and would
    read everybody who fits for the few of them in the stretches.
    """
    condition = Condition(first=6, names=names, now=now)
    where = condition.of(audience)
    rows = await db.fetch(
        "WITH sampled AS MATERIALIZED (SELECT id, person, provider, "
        + _ZONE
        + " AS zone, "
        + _IS_SHARED
        + " AS is_shared FROM unnest($2::smallint[], $3::bigint[], $4::bigint[]) AS stretch (of_bucket, low, high)"
        " CROSS JOIN LATERAL (SELECT * FROM subscriptions WHERE app_id = $1 AND bucket = of_bucket AND id >= low"
        " AND id < high AND state = 0 OFFSET 0) AS device WHERE bucket = ANY($2::smallint[]) AND " + where + ")"
        " SELECT provider, zone, count(*) AS devices, count(*) FILTER (WHERE is_shared) AS shared, NULL::bigint AS id,"
        " NULL::text AS person FROM sampled GROUP BY 1, 2 UNION ALL (SELECT NULL, NULL, 0, 0, id, person"
        " FROM sampled WHERE is_shared AND person IS NOT NULL ORDER BY id LIMIT $5)",
        app_id,
        [bucket for bucket, _, _ in stretches],
        [low for _, low, _ in stretches],
        [high for _, _, high in stretches],
        owners,
        *condition.args,
    )
    counted = [row for row in rows if row["id"] is None]
    return Sample(
        tallies=[Tally(row["provider"], row["zone"], row["devices"]) for row in counted],
        shared=sum(row["shared"] for row in counted),
        owners=[(row["id"], row["person"]) for row in rows if row["id"] is not None],
    )


async def devices_of(db: Queryable, *, app_id: int, bucket_of: Mapping[str, int]) -> dict[str, list[int]]:
    """The devices of each person, ended ones too; `bucket_of` has the bucket of each."""
    rows = await db.fetch(
        "SELECT person, subs FROM unnest($2::smallint[], $3::text[]) AS asked (of_bucket, name)"
        " CROSS JOIN LATERAL (SELECT bucket, person, subs FROM persons WHERE app_id = $1 AND bucket = of_bucket"
        " AND person = name OFFSET 0) AS known WHERE bucket = ANY($2::smallint[])",
        app_id,
        list(bucket_of.values()),
        list(bucket_of),
    )
    return {row["person"]: row["subs"] for row in rows}


async def members(
    db: Queryable, *, app_id: int, bucket_of: Mapping[int, int], audience: Audience, names: Names, now: datetime
) -> set[int]:
    """Those of these devices that are in the audience; `bucket_of` has the bucket of each. OFFSET 0: as in `sample`."""
    condition = Condition(first=4, names=names, now=now)
    where = condition.of(audience)
    rows = await db.fetch(
        "SELECT id FROM unnest($2::smallint[], $3::bigint[]) AS asked (of_bucket, number) CROSS JOIN LATERAL"
        " (SELECT * FROM subscriptions WHERE app_id = $1 AND bucket = of_bucket AND id = number AND state = 0"
        " OFFSET 0) AS device WHERE bucket = ANY($2::smallint[]) AND " + where,
        app_id,
        list(bucket_of.values()),
        list(bucket_of),
        *condition.args,
    )
    return {row["id"] for row in rows}


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

    Each person counts once, a device of nobody known as one. The app is read once: whose devices they are is kept in an
    array for each group. Hashes of 64 bits are told apart several times faster than names; two people in a million
    million share one. OFFSET 0: of the columns behind a zone Postgres would expect as many groups as devices, and sort.
    """
    condition = Condition(first=3, names=names, now=now)
    where = _of(condition, audience, ids)
    rows = await tx.fetch(
        "WITH fit AS MATERIALIZED (SELECT provider, zone, count(*) AS devices, count(*) FILTER (WHERE who IS NULL)"
        " AS nobodys, array_agg(who) FILTER (WHERE who IS NOT NULL) AS people FROM (SELECT provider, "
        + _ZONE
        + " AS zone, hashtextextended(person, 0) AS who FROM subscriptions"
        " WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND state = 0 AND " + where + " OFFSET 0) AS device"
        " GROUP BY 1, 2) SELECT provider, zone, devices, nobodys AS people FROM fit"
        " UNION ALL SELECT NULL, NULL, 0, count(DISTINCT who) FROM (SELECT unnest(people) AS who FROM fit) AS known",
        app_id,
        list(buckets),
        *condition.args,
    )
    tallies = [Tally(row["provider"], row["zone"], row["devices"]) for row in rows if row["provider"]]
    return tallies, sum(row["people"] for row in rows)


def _of(condition: Condition, audience: Audience, ids: Sequence[int] | None) -> LiteralString:
    where = condition.of(audience)
    return where if ids is None else where + " AND id = ANY(" + condition.value(list(ids)) + "::bigint[])"


@asynccontextmanager
async def counting(db: Database) -> AsyncGenerator[Connection]:
    """A transaction that reads a whole app.

    With a helper on another core; with memory for a map of its pages and for what is counted; and never row by row
    along an index, which reads a page of the table as often as it has somebody who fits.
    """
    async with db.transaction() as tx:
        await tx.fetchval(
            "SELECT set_config('max_parallel_workers_per_gather', '1', true), set_config('work_mem', '64MB', true),"
            " set_config('parallel_tuple_cost', '0.001', true), set_config('enable_indexscan', 'off', true),"
            " set_config('plan_cache_mode', 'force_custom_plan', true)"
        )
        yield tx
