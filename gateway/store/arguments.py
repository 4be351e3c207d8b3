"""Arguments of a statement that is put together: values go in, placeholders come out."""

from collections.abc import Sequence
from typing import Final, LiteralString

_DIGITS: Final[tuple[LiteralString, ...]] = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")


class Arguments:
    """Numbers the values of one statement, from `first` on.

    A placeholder is made of literal digits, so that the type checker still holds the statement to be a `LiteralString`:
    nothing a caller wrote can become SQL.
    """

    def __init__(self, *, first: int) -> None:
        self._first = first
        self.values: list[object] = []

    def value(self, value: object) -> LiteralString:
        """The placeholder of one more argument."""
        self.values.append(value)
        return "$" + numeral(self._first + len(self.values) - 1)


def numeral(number: int) -> LiteralString:
    """A number of our own, in digits."""
    tens, digit = divmod(number, 10)
    return (numeral(tens) if tens else "") + _DIGITS[digit]


def joined(word: LiteralString, parts: Sequence[LiteralString], *, empty: LiteralString) -> LiteralString:
    """The parts in brackets with `word` between them; `empty` where there is none."""
    return "(" + word.join(parts) + ")" if parts else empty
