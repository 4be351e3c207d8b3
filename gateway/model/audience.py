"""Whom a message is for.

Selectors are joined by AND; the values inside one list by OR. A topic expression is read here once and kept as a tree,
so that the store can turn it into SQL and a test can evaluate it in Python.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from gateway.model.errors import Invalid
from gateway.model.filter import Where, topics_of
from gateway.model.limits import TOPIC_DEPTH_MAX, TOPIC_TERMS_MAX
from gateway.model.place import Geo
from gateway.model.slug import SLUG


class Topic(msgspec.Struct, frozen=True, tag="topic"):
    """Devices that follow this topic."""

    slug: str


class Not(msgspec.Struct, frozen=True, tag="not"):
    """The rest."""

    term: Expression


class Both(msgspec.Struct, frozen=True, tag="both"):
    """AND."""

    terms: tuple[Expression, ...]


class Either(msgspec.Struct, frozen=True, tag="either"):
    """OR."""

    terms: tuple[Expression, ...]


Expression = Topic | Not | Both | Either


class Audience(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The selectors of a message, checked. At least one is set."""

    everybody: bool = False
    users: tuple[str, ...] = ()
    subscriptions: tuple[int, ...] = ()
    topics: Expression | None = None
    languages: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    where: Where | None = None
    geo: Geo | None = None
    segments: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    recipients_of: int = 0
    """Those who were sent this message; never what a caller says, only what a recall does."""
    exclude: Audience | None = None
    """An audience without an `exclude` of its own; whoever is in it is out."""

    @property
    def is_filtered(self) -> bool:
        """True when more than names decides who is in it."""
        return msgspec.structs.replace(self, users=(), subscriptions=()) != Audience()

    @property
    def topic_slugs(self) -> set[str]:
        """Every topic that is named anywhere in it."""
        excluded = self.exclude.topic_slugs if self.exclude else set[str]()
        return slugs_of(self.topics) | topics_of(self.where) | excluded

    @property
    def is_named(self) -> bool:
        """True when recipients are listed one by one."""
        return bool(self.users or self.subscriptions or self.recipients_of)


_TOKEN: Final = re.compile(r"\s*(&&|\|\||!|\(|\)|[^\s&|!()]+)")


class _Reader:
    """Recursive descent over the tokens; `||` binds weaker than `&&`, `!` strongest."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.position = 0

    def peek(self) -> str | None:
        return self.tokens[self.position] if self.position < len(self.tokens) else None

    def take(self) -> str | None:
        token = self.peek()
        self.position += 1
        return token

    def either(self, depth: int) -> Expression:
        terms = [self.both(depth)]
        while self.peek() == "||":
            self.take()
            terms.append(self.both(depth))
        return terms[0] if len(terms) == 1 else Either(tuple(terms))

    def both(self, depth: int) -> Expression:
        terms = [self.single(depth)]
        while self.peek() == "&&":
            self.take()
            terms.append(self.single(depth))
        return terms[0] if len(terms) == 1 else Both(tuple(terms))

    def single(self, depth: int) -> Expression:
        if depth > TOPIC_DEPTH_MAX:
            raise _fault(f"it is nested deeper than {TOPIC_DEPTH_MAX}")
        match self.take():
            case "!":
                return Not(self.single(depth + 1))
            case "(":
                inner = self.either(depth + 1)
                if self.take() != ")":
                    raise _fault("a closing bracket is missing")
                return inner
            case None:
                raise _fault("it ends where a topic is expected")
            case ")" | "&&" | "||" as token:
                raise _fault(f"`{token}` stands where a topic is expected")
            case slug:
                if SLUG.fullmatch(slug) is None:
                    raise _fault(f"`{slug[:40]}` is not a topic name (lower-case letters, digits, `.`, `-`, `_`)")
                return Topic(slug)


def _fault(why: str) -> Invalid:
    return Invalid("audience_invalid", f"The topic expression cannot be read: {why}.")


def parse_topics(text: str, param: str = "audience.topics") -> Expression:
    """The tree of `sale && !(wholesale || staff)`. Raises `Invalid` with what is wrong, at `param`."""
    try:
        return _parsed(text)
    except Invalid as fault:
        raise Invalid(fault.code, fault.message, param=param) from None


def _parsed(text: str) -> Expression:
    tokens = _TOKEN.findall(text)
    if "".join(tokens) != re.sub(r"\s+", "", text):
        raise _fault("use `&&`, `||`, `!` and brackets between topic names")
    if sum(token not in {"&&", "||", "!", "(", ")"} for token in tokens) > TOPIC_TERMS_MAX:
        raise _fault(f"it names more than {TOPIC_TERMS_MAX} topics")
    reader = _Reader(tokens)
    tree = reader.either(0)
    if reader.peek() is not None:
        raise _fault(f"`{reader.peek()}` is one too many")
    return tree


def topics_text(tree: Expression) -> str:
    """The expression as one would write it; `parse_topics` reads the same tree from it."""
    match tree:
        case Topic(slug):
            return slug
        case Not(term):
            return f"!{_bracketed(term)}"
        case Both(terms):
            return " && ".join(map(_bracketed, terms))
        case Either(terms):
            return " || ".join(map(_bracketed, terms))


def _bracketed(tree: Expression) -> str:
    text = topics_text(tree)
    return f"({text})" if isinstance(tree, Both | Either) else text


def slugs_of(tree: Expression | None) -> set[str]:
    """Every topic that an expression names."""
    match tree:
        case None:
            return set()
        case Topic(slug):
            return {slug}
        case Not(term):
            return slugs_of(term)
        case Both(terms) | Either(terms):
            return set().union(*(slugs_of(term) for term in terms))
