"""The filter language of `where`: which devices, by what is known of them and of their person.

A filter is a tree: `All`, `AnyOf` and `NoneOf` of conditions. Most conditions are a subject ("the tag plan", "the
country") and a test ("is gold", "is one of NL, BE"); the others are about events, topics and segments. The tree
is frozen and stored with the message. `policy.filter_reading` makes it from JSON, `policy.filter_writing` writes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, TypeAlias

import msgspec

Value: TypeAlias = str | bool | int | float


class _Node(msgspec.Struct, frozen=True, tag_field="kind", tag=str.lower):
    """A node; `kind` tells it apart in the store."""


# --- groups -----------------------------------------------------------------------------------------------------------
class All(_Node, frozen=True):
    """Every one of the terms is met."""

    terms: tuple[Where, ...]


class AnyOf(_Node, frozen=True):
    """At least one of the terms is met."""

    terms: tuple[Where, ...]


class NoneOf(_Node, frozen=True):
    """No term is met: exactly those whom `AnyOf` leaves out."""

    terms: tuple[Where, ...]


# --- subjects ---------------------------------------------------------------------------------------------------------
class Tag(_Node, frozen=True):
    """A tag of the device or of its person; it is enough that one of the two meets the test."""

    name: str


class Attribute(_Node, frozen=True):
    """An attribute of the person."""

    name: str


Column = Literal["language", "platform", "channel", "country", "region", "city", "first_seen", "last_seen", "user"]


class Known(_Node, frozen=True):
    """What the device's own row tells."""

    column: Column


Subject = Tag | Attribute | Known


# --- tests ------------------------------------------------------------------------------------------------------------
class Is(_Node, frozen=True):
    """It is this text, number or truth value."""

    value: Value


class IsNot(_Node, frozen=True):
    """The opposite of `Is`: also where nothing is known."""

    value: Value


class OneOf(_Node, frozen=True):
    """It is one of these."""

    values: tuple[Value, ...]


class Starts(_Node, frozen=True):
    """It is a text that begins so."""

    prefix: str


class Over(_Node, frozen=True):
    """A number above this one, or a moment after this one (a date: after its whole day)."""

    bound: int | float | str


class Under(_Node, frozen=True):
    """A number below this one, or a moment before this one."""

    bound: int | float | str


class Between(_Node, frozen=True):
    """From the one to the other, both included: two numbers, or two moments."""

    low: int | float | str
    high: int | float | str


class Within(_Node, frozen=True):
    """A moment no further back than this period (ISO 8601), and not yet to come."""

    period: str


class Has(_Node, frozen=True):
    """A list that holds at least one of these."""

    values: tuple[str, ...]


class Exists(_Node, frozen=True):
    """Something is known (or nothing is, with False)."""

    is_there: bool = True


Test = Is | IsNot | OneOf | Starts | Over | Under | Between | Within | Has | Exists


# --- conditions -------------------------------------------------------------------------------------------------------
class Fact(_Node, frozen=True):
    """A subject meets a test."""

    subject: Subject
    test: Test


class Done(_Node, frozen=True):
    """The person did this (or did not, with False), ever or within a period back from now."""

    event: str
    is_done: bool = True
    within: str | None = None


class Total(_Node, frozen=True):
    """How often the person did this, or the sum of what it was worth, is above or below a number.

    With `within` whole days (UTC) are added up, the first one included. Who never did it has a total of 0.
    """

    event: str
    measure: Literal["count", "sum"]
    relation: Literal["over", "under"]
    bound: int | float
    within: str | None = None


class Follows(_Node, frozen=True):
    """The device follows a topic."""

    slug: str


class InSegment(_Node, frozen=True):
    """The device is in the saved audience of this name."""

    slug: str


class OnList(_Node, frozen=True):
    """The device, or its person, is on the list of this name."""

    slug: str


Group = All | AnyOf | NoneOf
Leaf = Fact | Done | Total | Follows | InSegment | OnList
Where = Group | Leaf
GROUPS: Final = (All, AnyOf, NoneOf)


def leaves(where: Where | None) -> Iterator[Leaf]:
    """Every condition, in the order in which they were written."""
    if isinstance(where, All | AnyOf | NoneOf):
        for term in where.terms:
            yield from leaves(term)
    elif where is not None:
        yield where


def placed(where: Where | None, path: str) -> Iterator[tuple[Leaf, str]]:
    """Every condition with its path below `path`, such as `audience.where.all[1]`; in the same order."""
    match where:
        case None:
            return
        case All(terms):
            group = "all"
        case AnyOf(terms):
            group = "any"
        case NoneOf(terms):
            group = "none"
        case _:
            yield where, path
            return
    for at, term in enumerate(terms):
        yield from placed(term, f"{path}.{group}[{at}]")


def values_of(test: Test) -> tuple[Value, ...]:
    """What a test asks to be equal to, any of them; nothing for other tests."""
    match test:
        case Is(value):
            return (value,)
        case OneOf(values):
            return values
        case _:
            return ()


def topics_of(where: Where | None) -> set[str]:
    """Every topic that a filter names."""
    return {leaf.slug for leaf in leaves(where) if isinstance(leaf, Follows)}
