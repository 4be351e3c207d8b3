"""An audience as one condition on the subscription row: literal fragments, and every value an argument."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, LiteralString, assert_never

from gateway.model import filter as f
from gateway.model.audience import Audience, Both, Either, Expression, Not, Topic
from gateway.store.arguments import Arguments, joined
from gateway.store.conditions_events import done_sql, total_sql
from gateway.store.conditions_facts import fact_sql
from gateway.store.conditions_geo import geo_condition

_NO_TOPIC: Final = -1
"""The id of a topic that does not exist: nobody follows it."""


class Condition:
    """A WHERE condition under construction, for topics by their numbers and periods back from `now`."""

    def __init__(self, *, first: int, topic_ids: Mapping[str, int], now: datetime) -> None:
        self._arguments = Arguments(first=first)
        self._topic_ids = topic_ids
        self._now = now

    @property
    def args(self) -> list[object]:
        """The values of its placeholders, the one numbered `first` first."""
        return self._arguments.values

    def of(self, audience: Audience) -> LiteralString:
        """The condition of the selectors that do not name recipients one by one."""
        args = self._arguments
        sql: LiteralString = "TRUE"
        if audience.channels:
            sql += " AND provider = ANY(" + args.value(list(audience.channels)) + "::text[])"
        if audience.languages:
            sql += " AND " + self._where(f.Fact(f.Known("language"), f.OneOf(audience.languages)))
        if audience.topics is not None:
            sql += " AND " + self._topics(audience.topics)
        if audience.where is not None:
            sql += " AND " + self._where(audience.where)
        if audience.geo is not None:
            sql += " AND " + geo_condition(audience.geo, args.value)
        return sql

    def _topics(self, tree: Expression) -> LiteralString:
        match tree:
            case Topic(slug):
                return self._follows(slug)
            case Not(term):
                return "NOT " + self._topics(term)
            case Both(terms):
                return joined(" AND ", [self._topics(term) for term in terms], empty="TRUE")
            case Either(terms):
                return joined(" OR ", [self._topics(term) for term in terms], empty="FALSE")

    def _follows(self, slug: str) -> LiteralString:
        topic_id = self._arguments.value(self._topic_ids.get(slug, _NO_TOPIC))
        # The first half is what the partial index subscriptions_topics demands to be used.
        return "(topics <> '{}' AND topics @> ARRAY[" + topic_id + "::int])"

    def _where(self, where: f.Where) -> LiteralString:
        match where:
            case f.All(terms):
                return joined(" AND ", [self._where(term) for term in terms], empty="TRUE")
            case f.AnyOf(terms):
                return joined(" OR ", [self._where(term) for term in terms], empty="FALSE")
            case f.NoneOf(terms):
                return joined(" OR ", [self._where(term) for term in terms], empty="FALSE") + " IS NOT TRUE"
            case _:
                return self._leaf(where)

    def _leaf(self, leaf: f.Leaf) -> LiteralString:
        match leaf:
            case f.Fact():
                return fact_sql(leaf, self._arguments, now=self._now)
            case f.Done():
                return done_sql(leaf, self._arguments, now=self._now)
            case f.Total():
                return total_sql(leaf, self._arguments, now=self._now)
            case f.Follows(slug):
                return self._follows(slug)
            case f.InSegment():
                return "FALSE"  # its filter stands in its place already, where there is such a segment
            case _:
                assert_never(leaf)
