"""Why one device is in an audience, or not: every condition with its result.

The same answers as the SQL of `store.conditions`; a test on random people holds the two together.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from gateway.model.audience import Audience, Both, Either, Expression, Not, Topic, topics_text
from gateway.model.filter import GROUPS, All, AnyOf, Fact, Known, NoneOf, OneOf, Where
from gateway.model.place import Whereabouts
from gateway.model.segment import named_segments
from gateway.policy.filter_writing import written
from gateway.policy.matching import Described, matches
from gateway.policy.places import is_there


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """A device as an audience sees it. `described` has the topics and lists that it is in, by name."""

    subscription_id: int
    described: Described
    whereabouts: Whereabouts


class Condition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One selector, group or condition. `path` as in errors; a segment's own begin with `segments.` and its name."""

    path: str
    is_met: bool
    condition: Any = None
    """As it was asked for; not of groups, whose conditions follow."""


class Verdict(msgspec.Struct, frozen=True):
    """Whether the device is in, and why: all conditions in the order in which they were written."""

    is_in: bool
    conditions: list[Condition]


def explained(audience: Audience, device: Looked, segments: Mapping[str, Audience], *, now: Any) -> Verdict:
    """The audience for one device. `segments` are all that it stands on; one that is missing has nobody in it."""
    looking = _Looking(device, segments, now)
    conditions = list(looking.conditions(audience, "audience"))
    for slug in sorted(looking.seen):
        if slug in segments:
            conditions += looking.conditions(segments[slug], f"segments.{slug}")
    return Verdict(looking.is_in(audience), conditions)


class _Looking:
    """One device; remembers which segments it is in, so that each is looked at once."""

    def __init__(self, device: Looked, segments: Mapping[str, Audience], now: Any) -> None:
        self._device = device
        self._segments = segments
        self._now = now
        self._is_in: dict[str, bool] = {}

    @property
    def seen(self) -> set[str]:
        """The segments that were asked about."""
        return set(self._is_in)

    def is_in(self, audience: Audience) -> bool:
        """Whether every selector is met."""
        return all(one.is_met for one in self._selectors(audience, ""))

    def conditions(self, audience: Audience, path: str) -> Iterator[Condition]:
        """Every selector, each followed by what it is made of."""
        for one in self._selectors(audience, path):
            yield one
            if audience.where is not None and one.path == f"{path}.where":
                yield from self._parts(audience.where, one.path)
            if audience.exclude is not None and one.path == f"{path}.exclude":
                yield from self.conditions(audience.exclude, one.path)

    def _selectors(self, audience: Audience, path: str) -> Iterator[Condition]:
        described = self._device.described
        if audience.everybody:
            yield Condition(path=f"{path}.all", is_met=True)
        if audience.users:
            yield Condition(path=f"{path}.users", is_met=described.user in audience.users)
        if audience.subscriptions:
            is_named = self._device.subscription_id in audience.subscriptions
            yield Condition(path=f"{path}.subscriptions", is_met=is_named)
        if audience.topics is not None:
            is_met = _follows(audience.topics, described)
            yield Condition(path=f"{path}.topics", is_met=is_met, condition=topics_text(audience.topics))
        if audience.languages:
            where = Fact(Known("language"), OneOf(audience.languages))
            yield Condition(path=f"{path}.languages", is_met=self._matches(where), condition=list(audience.languages))
        if audience.channels:
            is_met = described.channel in audience.channels
            yield Condition(path=f"{path}.channels", is_met=is_met, condition=list(audience.channels))
        yield from self._by_name(audience, path)
        if audience.geo is not None:
            yield Condition(path=f"{path}.geo", is_met=is_there(audience.geo, self._device.whereabouts))
        if audience.where is not None:
            yield self._part(audience.where, f"{path}.where")
        if audience.exclude is not None:
            yield Condition(path=f"{path}.exclude", is_met=not self.is_in(audience.exclude))

    def _by_name(self, audience: Audience, path: str) -> Iterator[Condition]:
        if audience.segments:
            is_met = any(map(self._in_segment, audience.segments))
            yield Condition(path=f"{path}.segment", is_met=is_met, condition=list(audience.segments))
        if audience.lists:
            is_met = any(slug in self._device.described.lists for slug in audience.lists)
            yield Condition(path=f"{path}.lists", is_met=is_met, condition=list(audience.lists))

    def _in_segment(self, slug: str) -> bool:
        if slug not in self._is_in:
            self._is_in[slug] = False  # what stands on itself is empty; callers cannot save such a thing
            self._is_in[slug] = slug in self._segments and self.is_in(self._segments[slug])
        return self._is_in[slug]

    def _matches(self, where: Where) -> bool:
        named = named_segments(Audience(where=where))
        inside = frozenset(slug for slug in named if self._in_segment(slug))
        described = (
            msgspec.structs.replace(self._device.described, segments=inside) if named else self._device.described
        )
        return matches(where, described, now=self._now)

    def _part(self, where: Where, path: str) -> Condition:
        condition = None if isinstance(where, GROUPS) else written(where)
        return Condition(path=path, is_met=self._matches(where), condition=condition)

    def _parts(self, where: Where, path: str) -> Iterator[Condition]:
        """The terms of a group, each with its own."""
        if not isinstance(where, All | AnyOf | NoneOf):
            return
        word = {All: "all", AnyOf: "any", NoneOf: "none"}[type(where)]
        for at, term in enumerate(where.terms):
            yield self._part(term, f"{path}.{word}[{at}]")
            yield from self._parts(term, f"{path}.{word}[{at}]")


def _follows(tree: Expression, device: Described) -> bool:
    match tree:
        case Topic(slug):
            return slug in device.topics
        case Not(term):
            return not _follows(term, device)
        case Both(terms):
            return all(_follows(term, device) for term in terms)
        case Either(terms):
            return any(_follows(term, device) for term in terms)
