"""Segments: audiences saved under a name, without people named one by one; and what an audience names by name."""

from collections.abc import Iterator, Mapping
from datetime import datetime

import msgspec

from gateway.model.audience import Audience
from gateway.model.filter import InSegment, OnList, placed


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """One segment. `version` goes up with each change of its audience; `changed_at` tells when that was."""

    slug: str
    name: str
    audience: Audience
    version: int
    created_at: datetime
    changed_at: datetime


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """What the names in an audience stand for at the moment: numbers of topics and lists, and segments' audiences.

    is_whole: every segment and list is there. Where one is missing nobody is in the audience, so that no mistake makes
    a message go to more people than it was meant for.
    """

    topics: Mapping[str, int] = {}
    lists: Mapping[str, int] = {}
    segments: Mapping[str, Audience] = {}
    own_names: Mapping[str, str] = {}
    """Of people who are excluded by another name."""
    is_whole: bool = True


def named_segments(audience: Audience) -> dict[str, str]:
    """Each segment that an audience names, with the path of a place where it does."""
    return dict(reversed(list(_segments(audience, "audience"))))


def named_lists(audience: Audience) -> dict[str, str]:
    """Each list that an audience names, with the path of a place where it does."""
    return dict(reversed(list(_lists(audience, "audience"))))


def _segments(audience: Audience, path: str) -> Iterator[tuple[str, str]]:
    for slug in audience.segments:
        yield slug, f"{path}.segment"
    for leaf, place in placed(audience.where, f"{path}.where"):
        if isinstance(leaf, InSegment):
            yield leaf.slug, f"{place}.segment"
    if audience.exclude is not None:
        yield from _segments(audience.exclude, f"{path}.exclude")


def _lists(audience: Audience, path: str) -> Iterator[tuple[str, str]]:
    for slug in audience.lists:
        yield slug, f"{path}.lists"
    for leaf, place in placed(audience.where, f"{path}.where"):
        if isinstance(leaf, OnList):
            yield leaf.slug, f"{place}.list"
    if audience.exclude is not None:
        yield from _lists(audience.exclude, f"{path}.exclude")
