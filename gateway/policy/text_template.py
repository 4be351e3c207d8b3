"""One text with fields in it, parsed once per message and language: `Hi {{ user.first_name | default: "there" }}`.

Plain fields, with or without a `default`, are compiled here into pieces that are put together in a microsecond or two.
Whatever else stands in braces is Liquid (`policy/liquid.py`), which costs some ten times that.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, Protocol

import msgspec

from gateway.model.errors import Invalid
from gateway.model.limits import FIELD_PATH_STEPS_MAX, TEXTS_KEPT_MAX
from gateway.policy.liquid import LiquidText
from gateway.policy.scope import LookUp, Scope, Step, look_up_of

_FIELD: Final = re.compile(
    r"""\{\{ \s* (?P<path> [A-Za-z_][A-Za-z0-9_]* (?: \.[A-Za-z_][A-Za-z0-9_]* | \[[0-9]{1,4}\] )* ) \s*
        (?: \| \s* default \s* : \s* (?: "(?P<double>[^"{}]*)" | '(?P<single>[^'{}]*)' ) \s* )? \}\}""",
    re.VERBOSE,
)
_STEP: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+")
_OPENINGS: Final = ("{{", "{%")
_WORDS_OF_LIQUID: Final = frozenset((
    "true", "false", "nil", "null", "empty", "blank", "first", "last", "size", "and", "or", "not", "contains", "in",
    "if", "else", "limit", "offset", "reversed", "cols",
))  # fmt: skip
"""Names that mean something else there, or that are worked out: left to it."""
_EMPTY_TYPES: Final = (str, type(None), bool, list, dict)
"""What is nothing where it is empty. 0 is no nothing."""


class TextTemplate(Protocol):
    """A parsed text."""

    @property
    def paths(self) -> Sequence[tuple[Step, ...]]:
        """What it names, root first."""
        ...

    def fill(self, scope: Scope) -> str:
        """The text for one person. Raises `TextUnmade` where it cannot be made."""
        ...


class Field(msgspec.Struct, frozen=True, eq=False):
    """`{{ root.step.step | default: "..." }}`."""

    path: tuple[Step, ...]
    look_up: LookUp
    default: str | None

    def fill(self, scope: Scope) -> str:
        """The value as Liquid would write it, or the default where there is none."""
        value = self.look_up(scope)
        if type(value) is str and value:
            return value
        if not value and self.default is not None and type(value) in _EMPTY_TYPES:
            return self.default
        return written(value)


class PlainText(msgspec.Struct, frozen=True):
    """Texts and fields in turns."""

    pieces: tuple[str | Field, ...]

    @property
    def paths(self) -> Sequence[tuple[Step, ...]]:
        """What it names, root first."""
        return [piece.path for piece in self.pieces if isinstance(piece, Field)]

    def fill(self, scope: Scope) -> str:
        """The text for one person."""
        text = ""
        for piece in self.pieces:
            text += piece if isinstance(piece, str) else piece.fill(scope)
        return text


def has_fields(text: str) -> bool:
    """Whether a text is more than itself; what has none is not looked at any further."""
    return "{" in text and any(opening in text for opening in _OPENINGS)


@lru_cache(maxsize=TEXTS_KEPT_MAX)
def parse(text: str) -> TextTemplate:
    """A text that `has_fields`, ready for use. Raises `Invalid` (template_invalid) saying where it is wrong."""
    pieces: list[str | Field] = []
    end = 0
    for match in _FIELD.finditer(text):
        field = _field_of(match)
        if field is None:
            return LiquidText.parse(text)
        pieces += [text[end : match.start()], field]
        end = match.end()
    pieces.append(text[end:])
    if any(isinstance(piece, str) and has_fields(piece) for piece in pieces):
        return LiquidText.parse(text)
    return PlainText(tuple(piece for piece in pieces if piece != ""))


def written(value: Any) -> str:
    """A value as Liquid writes it."""
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list():
            return "".join(map(str, value))
        case _:
            return str(value)


def _field_of(match: re.Match[str]) -> Field | None:
    root, *steps = _STEP.findall(match["path"])
    if len(steps) >= FIELD_PATH_STEPS_MAX:
        raise Invalid("template_invalid", f"A field has at most {FIELD_PATH_STEPS_MAX} names.")
    if not _WORDS_OF_LIQUID.isdisjoint((root, *steps)):
        return None
    places: list[Step] = [int(step) if step.isdigit() else step for step in steps]
    default = match["single"] if match["double"] is None else match["double"]
    return Field((root, *places), look_up_of(root, places), default)
