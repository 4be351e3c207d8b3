"""Who is in an audience: counted for planning, read in groups for sending.

An `Audience` becomes one condition on the subscription row alone, put together from literal fragments and numbered
arguments: the type checker holds every fragment to be a `LiteralString`, so that nothing a caller wrote can become SQL.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, LiteralString

import msgspec

from gateway.model.audience import Audience, Both, Either, Expression, Not, Topic
from gateway.model.delivery import Device
from gateway.store.database import Queryable

_NUMBERS: Final[tuple[LiteralString, ...]] = (
    "$1", "$2", "$3", "$4", "$5", "$6", "$7", "$8", "$9", "$10", "$11", "$12", "$13", "$14", "$15", "$16", "$17", "$18",
    "$19", "$20", "$21", "$22", "$23", "$24", "$25", "$26", "$27", "$28", "$29", "$30", "$31", "$32", "$33", "$34",
    "$35", "$36", "$37", "$38", "$39", "$40", "$41", "$42", "$43", "$44", "$45", "$46", "$47", "$48", "$49", "$50",
    "$51", "$52", "$53", "$54", "$55", "$56", "$57", "$58", "$59", "$60", "$61", "$62", "$63", "$64",
)  # fmt: skip
"""Placeholders as literals: 50 topic terms (`limits.TOPIC_TERMS_MAX`) and what else a statement needs."""

_DEVICE: Final[LiteralString] = "id, provider, credential_id, wire, platform, locale, suspect_at"
_PERSON: Final[LiteralString] = ", person, timezone, country, attrs, facts"
"""What only some messages need of a recipient; it costs as much to read as all the rest."""

_NOBODY: Final = -1
"""The id of a topic that does not exist: nobody follows it."""


class Slice(msgspec.Struct, frozen=True):
    """How many of an audience have an id that starts with these ten bits; all of one lie in the same bucket."""

    top_bits: int
    recipients: int


class Condition:
    """A WHERE condition under construction: fragments are literals, values become arguments."""

    def __init__(self, *, first: int) -> None:
        self._first = first
        self.args: list[object] = []

    def value(self, value: object) -> LiteralString:
        """The placeholder of one more argument."""
        self.args.append(value)
        return _NUMBERS[self._first + len(self.args) - 2]

    def of(self, audience: Audience, topic_ids: Mapping[str, int]) -> LiteralString:
        """The condition of the selectors that do not name recipients one by one."""
        sql: LiteralString = "TRUE"
        if audience.channels:
            sql += " AND provider = ANY(" + self.value(list(audience.channels)) + "::text[])"
        if audience.languages:
            wanted = self.value([language.lower() for language in audience.languages])
            sql += " AND (lower(locale) = ANY(" + wanted + "::text[])"
            sql += " OR split_part(lower(locale), '-', 1) = ANY(" + wanted + "::text[]))"
        if audience.topics is not None:
            sql += " AND " + self._topics(audience.topics, topic_ids)
        return sql

    def _topics(self, tree: Expression, topic_ids: Mapping[str, int]) -> LiteralString:
        match tree:
            case Topic(slug):
                # The first half is what the partial index subscriptions_topics demands to be used.
                return "(topics <> '{}' AND topics @> ARRAY[" + self.value(topic_ids.get(slug, _NOBODY)) + "::int])"
            case Not(term):
                return "NOT " + self._topics(term, topic_ids)
            case Both(terms):
                return _joined(" AND ", [self._topics(term, topic_ids) for term in terms])
            case Either(terms):
                return _joined(" OR ", [self._topics(term, topic_ids) for term in terms])


def _columns(*, reads_person: bool) -> LiteralString:
    return _DEVICE + _PERSON if reads_person else _DEVICE


def _joined(word: LiteralString, parts: Sequence[LiteralString]) -> LiteralString:
    return "(" + word.join(parts) + ")"


async def count_slices(
    db: Queryable, *, app_id: int, buckets: Sequence[int], audience: Audience, topic_ids: Mapping[str, int]
) -> list[Slice]:
    """How the audience lies in the app's key space, in key order: at most 1,024 slices.

    Without a filter this is an index-only scan of `subscriptions_live`.
    """
    condition = Condition(first=3)
    where = condition.of(audience, topic_ids)
    rows = await db.fetch(
        "SELECT id >> 52 AS top_bits, count(*) AS recipients FROM subscriptions"
        " WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND state = 0 AND " + where + " GROUP BY 1 ORDER BY 1",
        app_id,
        list(buckets),
        *condition.args,
    )
    return [Slice(row["top_bits"], row["recipients"]) for row in rows]


async def count_by_kind(
    db: Queryable, *, app_id: int, buckets: Sequence[int], audience: Audience, topic_ids: Mapping[str, int]
) -> dict[tuple[str, int], int]:
    """How many devices the audience has, by provider and platform: what a dry run shows."""
    condition = Condition(first=3)
    where = condition.of(audience, topic_ids)
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
    topic_ids: Mapping[str, int],
    limit: int,
    reads_person: bool = False,
) -> list[Device]:
    """The next recipients behind a cursor, as they are now: who left since planning is not among them."""
    condition = Condition(first=7)
    where = condition.of(audience, topic_ids)
    rows = await db.fetch(
        "SELECT " + _columns(reads_person=reads_person) + " FROM subscriptions"
        " WHERE app_id = $1 AND bucket = $2 AND id > $3 AND id <= $4 AND state = 0 AND enrolled_at <= $5 AND "
        + where
        + " ORDER BY id LIMIT $6",
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


async def named(
    db: Queryable,
    *,
    app_id: int,
    buckets: Sequence[int],
    ids: Sequence[int],
    audience: Audience,
    topic_ids: Mapping[str, int],
) -> list[tuple[int, Device]]:
    """Of devices named one by one, those that the other selectors leave, each with its bucket, in id order."""
    condition = Condition(first=4)
    where = condition.of(audience, topic_ids)
    rows = await db.fetch(
        "SELECT bucket, id, provider, credential_id, wire, platform, locale, suspect_at FROM subscriptions"
        " WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND id = ANY($3::bigint[]) AND state = 0 AND "
        + where
        + " ORDER BY id",
        app_id,
        list(buckets),
        list(ids),
        *condition.args,
    )
    return [(row["bucket"], Device(*row[1:])) for row in rows]


async def subscriptions_of_persons(
    db: Queryable, *, app_id: int, buckets: Sequence[int], persons: Sequence[str]
) -> dict[str, list[int]]:
    """The devices of each of these people; `buckets` are the people's own. Who has none is not in the answer."""
    rows = await db.fetch(
        "SELECT person, subs FROM persons"
        " WHERE app_id = $1 AND bucket = ANY($2::smallint[]) AND person = ANY($3::text[])",
        app_id,
        list(buckets),
        list(persons),
    )
    return {row["person"]: row["subs"] for row in rows}
