"""Texts in Liquid (https://shopify.github.io/liquid/), bounded: python-liquid with much of it taken out.

A text can look at its values by key and place and at nothing else: no attribute of any object, no file, no other
template, no clock. What it may take is counted in steps, not in time, so that it takes the same everywhere: look-ups,
filters and writes; rounds of loops; characters of each value on the way and of what is written.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from io import StringIO
from typing import Any, Final, TextIO

import msgspec
from liquid import BoundTemplate, Environment, RenderContext
from liquid.builtin.expressions.primitive import IntegerLiteral, RangeLiteral
from liquid.exceptions import LiquidError
from liquid.expression import Expression
from liquid.static_analysis import TemplateAnalysis
from liquid.token import Token
from liquid.undefined import UNDEFINED
from liquid.utils import ReadOnlyChainMap

from gateway.model.errors import Invalid
from gateway.model.limits import (
    NUMBER_DIGITS_MAX,
    TEXT_BLANKS_MAX,
    TEXT_NESTING_MAX,
    TEXT_OUTPUT_BYTES_MAX,
    TEXT_ROUNDS_MAX,
    TEXT_STEPS_MAX,
    TEXT_UNCLOSED_MAX,
    VALUE_CHARS_MAX,
    VALUE_ITEMS_MAX,
)
from gateway.policy.liquid_filters import FILTERS
from gateway.policy.scope import Scope, Step

_TAGS: Final = frozenset(
    ("if", "unless", "case", "for", "break", "continue", "assign", "capture", "cycle", "comment", "#", "echo")
)
_OWN_TAGS: Final = frozenset(("content", "output", "illegal"))
"""What the library calls a text and an output."""
_SCOPES_OF_A_RENDER: Final = 6
"""What the library itself stacks up around one block."""
_TOLD_CHARS_MAX: Final = 200
_CHARS_PER_STEP: Final = 256
_ITEMS_PER_STEP: Final = 4
_ABOVE_ANY_NUMBER: Final = 10**NUMBER_DIGITS_MAX
_BLANKS: Final = re.compile(rf"\s{{{TEXT_BLANKS_MAX + 1}}}")
_BRACES: Final = (("{{", "}}"), ("{%", "%}"))


class TextUnmade(Exception):
    """A text cannot be made for this person. `reason` is a sentence without any of its values."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class LiquidText(msgspec.Struct, frozen=True, eq=False):
    """A parsed text."""

    template: BoundTemplate
    paths: Sequence[tuple[Step, ...]]

    @classmethod
    def parse(cls, text: str) -> "LiquidText":
        """Raises `Invalid` (template_invalid) with the fault."""
        try:
            _check_readable(text)
            template = _ENVIRONMENT.from_string(text)
            _check_ranges(template)
            analysis = template.analyze(include_partials=False)
            unknown = sorted(analysis.filters.keys() - FILTERS.keys())
            _check(not unknown, f"there is no filter {', '.join(unknown)[:_TOLD_CHARS_MAX]}")
            paths = _paths_of(analysis)
        except LiquidError as fault:
            raise Invalid("template_invalid", f"The text cannot be read as Liquid: {_told(fault)}") from None
        except (RecursionError, ValueError, TypeError, OverflowError):
            raise Invalid("template_invalid", "The text cannot be read as Liquid.") from None
        return cls(template, paths)

    def fill(self, scope: Scope) -> str:
        """The text for one person. Raises `TextUnmade`."""
        context = _Context(self.template, globals=scope)
        context.place(scope)
        buffer = context.get_buffer()
        try:
            self.template.render_with_context(context, buffer)
        except LiquidError as fault:
            raise TextUnmade(_told(fault)) from None
        except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError, AttributeError) as fault:
            raise TextUnmade(f"a filter could not work with a value ({type(fault).__name__})") from None
        return buffer.getvalue()


class _Context(RenderContext):
    """One text for one person: counts what it takes."""

    __slots__ = ("currency", "locale", "rounds", "steps", "timezone")

    def __init__(self, template: BoundTemplate, *, globals: Mapping[str, object]) -> None:  # noqa: A002 - the library's word
        super().__init__(template, globals=globals)
        self.globals = globals  # the library would take one that nobody asked yet for an empty one
        # Without the library's own `now` and `today`: a text is the same whenever it is made.
        self.scope = ReadOnlyChainMap(self.locals, globals)
        self.steps = 0
        self.rounds = 0
        self.locale: str | None = None
        self.timezone: str | None = None
        self.currency: str | None = None

    def place(self, scope: Scope) -> None:
        """Tells filters where they are."""
        self.locale, self.timezone, self.currency = scope.locale, scope.timezone, scope.fixed.currency

    def charge(self, *values: object) -> None:
        """A step, and more for long values. Raises `LiquidError` where one is too long, or there were too many."""
        steps = 1
        for value in values:
            if isinstance(value, str):
                _check(len(value) <= VALUE_CHARS_MAX, "a value becomes too long")
                steps += len(value) // _CHARS_PER_STEP
            elif isinstance(value, list | tuple | range):
                _check(len(value) <= VALUE_ITEMS_MAX, "a list is too long")
                steps += len(value) // _ITEMS_PER_STEP
            elif isinstance(value, int | float):
                _check(abs(value) < _ABOVE_ANY_NUMBER, "a number becomes too large")
        self.steps += steps
        _check(self.steps <= TEXT_STEPS_MAX, "it takes too many steps")

    def get(self, path: list[object], *, token: Token | None, default: object = UNDEFINED) -> object:
        """What a path leads to; nothing where it leads nowhere."""
        self.charge()
        found = super().get(path, token=token, default=default)
        if isinstance(found, str | list):
            self.charge(found)
        return found

    def filter(self, name: str, token: Token | None) -> Callable[..., object]:
        """A filter whose values are counted on their way in and out."""
        return partial(self._filtered, super().filter(name, token))

    def _filtered(self, function: Callable[..., object], value: object, *args: object, **named: object) -> object:
        self.charge(value, *args)
        found = function(value, *args, **named)
        self.charge(found)
        return found

    def raise_for_loop_limit(self, length: int = 1) -> None:
        """Counts the rounds of all loops together."""
        self.rounds += length
        _check(self.rounds <= TEXT_ROUNDS_MAX, f"its loops take more than {TEXT_ROUNDS_MAX} rounds")

    def assign(self, key: str, val: Any) -> None:
        """Keeps a value under a name of the text's own."""
        self.charge()
        self.locals[key] = val

    def get_buffer(self, buf: TextIO | None = None) -> StringIO:
        """What a block is written to."""
        del buf
        return _Counted(self)


def _check(is_within: bool, reason: str) -> None:  # noqa: FBT001 - reads as the sentence it is
    if not is_within:
        raise LiquidError(reason, token=None)


class _Counted(StringIO):
    """What a text is written to, within bounds."""

    def __init__(self, context: _Context) -> None:
        super().__init__()
        self._context = context
        self._bytes = 0

    def write(self, text: str, /) -> int:
        """Raises `LiquidError` where it becomes too long."""
        self._context.charge()
        self._bytes += len(text.encode("utf-8", "replace"))
        _check(self._bytes <= TEXT_OUTPUT_BYTES_MAX, "it becomes too long")
        return super().write(text)


class _Template(BoundTemplate):
    context_class = _Context


class _Environment(Environment):
    block_nesting_limit = TEXT_NESTING_MAX
    context_depth_limit = TEXT_NESTING_MAX + _SCOPES_OF_A_RENDER
    template_class = _Template

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        """The tags above, and our filters alone."""
        super().setup_tags_and_filters(extra=extra)
        self.tags = {name: tag for name, tag in self.tags.items() if name in _TAGS | _OWN_TAGS}
        self.filters = dict(FILTERS)


_ENVIRONMENT: Final = _Environment()


def _check_readable(text: str) -> None:
    """What the library's expressions would look at again and again, a text of 3,000 characters for half a second."""
    _check(_BLANKS.search(text) is None, f"more than {TEXT_BLANKS_MAX} blanks in a row")
    for opening, closing in _BRACES:
        unclosed = text.count(opening, text.rfind(closing) + 1)
        _check(unclosed <= TEXT_UNCLOSED_MAX, f"expected '{closing}', found end of file")


def _check_ranges(template: BoundTemplate) -> None:
    """A range of a billion costs nothing until somebody lists it: both of its ends have to be plain numbers."""
    context = RenderContext(template)
    nodes = list(template.nodes)
    while nodes:
        node = nodes.pop()
        nodes += node.children(context, include_partials=False)
        expressions: list[Expression] = list(node.expressions())
        while expressions:
            expression = expressions.pop()
            expressions += expression.children()
            if isinstance(expression, RangeLiteral):
                ends = expression.start, expression.stop
                _check(all(isinstance(end, IntegerLiteral) for end in ends), "the ends of a range are plain numbers")
                length = len(expression.evaluate(context))
                _check(length <= TEXT_ROUNDS_MAX, f"a range has at most {TEXT_ROUNDS_MAX} numbers")


def _paths_of(analysis: TemplateAnalysis) -> tuple[tuple[Step, ...], ...]:
    """What it reads that it does not make itself, as far as that can be told before it is filled in."""
    return tuple(tuple(_plain(one.segments)) for variables in analysis.globals.values() for one in variables)


def _plain(segments: Sequence[object]) -> list[Step]:
    steps: list[Step] = []
    for segment in segments:
        if not isinstance(segment, str | int):
            break  # a key that is looked up itself
        steps.append(segment)
    return steps


def _told(fault: LiquidError) -> str:
    """The library's words, without the text around the place. They may hold a value: for the shop, never for a log."""
    return str(fault.args[0]) if fault.args else type(fault).__name__
