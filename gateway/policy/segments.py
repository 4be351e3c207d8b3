"""Segments that stand on segments: that it comes to an end, and within a size."""

from collections.abc import Mapping

from gateway.model.audience import Audience, slugs_of
from gateway.model.errors import Invalid
from gateway.model.filter import leaves
from gateway.model.limits import SEGMENT_DEPTH_MAX, SEGMENT_PARTS_MAX
from gateway.model.segment import named_segments


def check_use(audience: Audience, segments: Mapping[str, Audience]) -> None:
    """Raises `Invalid` for an audience that names a segment that is not there, or too much of them.

    `segments` are all of the app, and stand on one another without a circle.
    """
    for slug, param in named_segments(audience).items():
        if slug not in segments:
            raise Invalid("segment_unknown", f"There is no segment `{slug}` in this app.", param=param)
    _check_size(audience, segments)


def check_change(slug: str, audience: Audience, segments: Mapping[str, Audience]) -> None:
    """Raises `Invalid` where a segment may not become this: what it names is not there, is itself, or is too much.

    `segments` are all of the app, the one that changes included or not.
    """
    after = {**segments, slug: audience}
    names = {one: frozenset(named_segments(of)) for one, of in after.items()}
    for named, param in named_segments(audience).items():
        if named not in after:
            raise Invalid("segment_unknown", f"There is no segment `{named}` in this app.", param=param)
        way = _way(named, slug, names)
        if way:
            circle = " -> ".join((slug, *way))
            raise Invalid("segment_cycle", f"The segment would stand on itself: {circle}.", param=param)
    for one in _standing_on(slug, names):
        _check_size(after[one], after, of="" if one == slug else f" of the segment `{one}`, which stands on it,")


def _way(start: str, to: str, names: Mapping[str, frozenset[str]]) -> list[str]:
    """The segments from one to another along what each names; none where there is no way."""
    came_from = {start: ""}
    waiting = [start]
    while waiting:
        here = waiting.pop()
        if here == to:
            return _back(here, came_from)
        for named in sorted(names.get(here, ())):
            if named not in came_from:
                came_from[named] = here
                waiting.append(named)
    return []


def _back(here: str, came_from: Mapping[str, str]) -> list[str]:
    way = [here]
    while came_from[way[-1]]:
        way.append(came_from[way[-1]])
    return way[::-1]


def _standing_on(slug: str, names: Mapping[str, frozenset[str]]) -> list[str]:
    """The segment, and all that stand on it."""
    found = [slug]
    for one in found:  # grows while it is read
        found += [user for user, named in names.items() if one in named and user not in found]
    return found


def _check_size(audience: Audience, segments: Mapping[str, Audience], *, of: str = "") -> None:
    depth, parts = _measured(audience, segments, {})
    if depth > SEGMENT_DEPTH_MAX:
        raise Invalid(
            "segment_too_deep",
            f"The audience{of} would stand on segments {depth} deep; {SEGMENT_DEPTH_MAX} is the most.",
            param="audience",
        )
    if parts > SEGMENT_PARTS_MAX:
        raise Invalid(
            "segment_too_deep",
            f"The audience{of} comes to {parts} conditions with its segments; {SEGMENT_PARTS_MAX} is the most.",
            param="audience",
        )


def _measured(
    audience: Audience, segments: Mapping[str, Audience], known: dict[str, tuple[int, int]]
) -> tuple[int, int]:
    """How many segments deep it goes, and how many conditions it has with all of them written out."""
    depth, parts = 0, _own_parts(audience)
    for slug in named_segments(audience):
        if slug not in known:
            known[slug] = _measured(segments[slug], segments, known) if slug in segments else (0, 0)
        below, more = known[slug]
        depth, parts = max(depth, below + 1), parts + more
    return depth, parts


def _own_parts(audience: Audience) -> int:
    """Conditions of its own, a selector counted as one."""
    own = len(list(leaves(audience.where))) + len(audience.lists) + len(audience.segments)
    own += len(slugs_of(audience.topics)) + bool(audience.languages) + bool(audience.channels) + bool(audience.geo)
    return own + (_own_parts(audience.exclude) if audience.exclude is not None else 0)
