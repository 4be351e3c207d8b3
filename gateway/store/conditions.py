"""An audience as one condition on the subscription row: literal fragments, and every value an argument."""

from datetime import datetime
from typing import Final, LiteralString, assert_never

from gateway.model import filter as f
from gateway.model.audience import Audience, Both, Either, Expression, Not, Topic
from gateway.model.segment import Names
from gateway.store.arguments import Arguments, joined
from gateway.store.conditions_events import done_sql, total_sql
from gateway.store.conditions_facts import fact_sql
from gateway.store.conditions_geo import geo_condition

EVERYBODY: Final[LiteralString] = "TRUE"
"""The condition of an audience that leaves nobody out."""
_NONE: Final = -1
"""The number of a topic, or a list, that does not exist: nobody follows it, nobody is on it."""


class Condition:
    """A WHERE condition under construction, for names as they stand at the moment and periods back from `now`."""

    def __init__(self, *, first: int, names: Names, now: datetime) -> None:
        self._arguments = Arguments(first=first)
        self._names = names
        self._now = now

    def value(self, value: object) -> LiteralString:
        """The placeholder of one more argument."""
        return self._arguments.value(value)

    @property
    def args(self) -> list[object]:
        """The values of its placeholders, the one numbered `first` first."""
        return self._arguments.values

    def of(self, audience: Audience) -> LiteralString:
        """The condition of the selectors that do not name recipients one by one, and of `exclude`, which may."""
        if not self._names.is_whole:
            return "FALSE"
        sql = self._selectors(audience)
        if audience.exclude is not None:
            sql += " AND (" + self.whole(audience.exclude) + ") IS NOT TRUE"
        return sql

    def whole(self, audience: Audience) -> LiteralString:
        """The condition of every selector."""
        sql = self.of(audience)
        if audience.users:
            users = [self._names.own_names.get(user, user) for user in audience.users]
            sql += " AND person = ANY(" + self._arguments.value(users) + "::text[])"
        if audience.subscriptions:
            sql += " AND id = ANY(" + self._arguments.value(list(audience.subscriptions)) + "::bigint[])"
        return sql

    def _selectors(self, audience: Audience) -> LiteralString:
        args = self._arguments
        sql: LiteralString = EVERYBODY
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
        if audience.segments:
            sql += " AND " + joined(" OR ", [self._in_segment(slug) for slug in audience.segments], empty="FALSE")
        if audience.lists:
            sql += " AND " + joined(" OR ", [self._on_list(slug) for slug in audience.lists], empty="FALSE")
        return sql

    def _in_segment(self, slug: str) -> LiteralString:
        """The segment written out. That none stands on itself is seen to before it is saved."""
        return "(" + self.of(self._names.segments[slug]) + ")"

    def _on_list(self, slug: str) -> LiteralString:
        number = self._arguments.value(self._names.lists.get(slug, _NONE))
        # NULL is "on none"; the first halves are what the partial indexes demand.
        return (
            "((lists IS NOT NULL AND lists @> ARRAY[" + number + "::int])"
            " OR (person_lists IS NOT NULL AND person_lists @> ARRAY[" + number + "::int]))"
        )

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
        topic_id = self._arguments.value(self._names.topics.get(slug, _NONE))
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
            case f.InSegment(slug):
                return self._in_segment(slug)
            case f.OnList(slug):
                return self._on_list(slug)
            case _:
                assert_never(leaf)
