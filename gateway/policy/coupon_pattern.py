"""Codes made by a pattern such as `WINTER-####-????`.

`#` becomes a digit, `?` a letter, `*` either of them, anything else stays as it is. What people read wrong is left out:
0 and O, 1, I and L. Dice come from the caller and are cryptographic, as a code that can be guessed is money.
"""

import math
from collections.abc import Callable, Sequence
from typing import Final

from gateway.model.errors import Invalid
from gateway.model.limits import COUPON_CODE_CHARS_MAX, COUPON_PATTERN_SPACE_MIN

DIGITS: Final = "23456789"
LETTERS: Final = "ABCDEFGHJKMNPQRSTUVWXYZ"
_ALPHABET_OF: Final = {"#": DIGITS, "?": LETTERS, "*": DIGITS + LETTERS}

Choose = Callable[[Sequence[str]], str]
"""One of these, each as likely as the others: `random.SystemRandom().choice`."""


def space_of(pattern: str) -> int:
    """How many different codes a pattern can make."""
    return math.prod(len(_ALPHABET_OF[char]) for char in pattern if char in _ALPHABET_OF)


def check_pattern(pattern: str, *, codes: int) -> None:
    """Raises `Invalid` for a pattern that makes no codes, or too few for `codes` of them to be hard to guess."""
    if not pattern or len(pattern) > COUPON_CODE_CHARS_MAX or not is_code(pattern):
        raise Invalid(
            "field_invalid",
            f"A pattern has 1 to {COUPON_CODE_CHARS_MAX} characters without spaces or commas.",
            param="pattern",
        )
    if space_of(pattern) < codes * COUPON_PATTERN_SPACE_MIN:
        raise Invalid(
            "coupon_pattern_small",
            f"This pattern can make {space_of(pattern):,} codes, and {codes * COUPON_PATTERN_SPACE_MIN:,} are needed so"
            " that nobody finds one by trying; add `#`, `?` or `*`.",
            param="pattern",
        )


def code_of(pattern: str, choose: Choose) -> str:
    """One code."""
    return "".join(choose(_ALPHABET_OF[char]) if char in _ALPHABET_OF else char for char in pattern)


def is_code(text: str) -> bool:
    """Whether a text can be a code: printable, without the spaces and marks that lists of codes are written with."""
    return 0 < len(text) <= COUPON_CODE_CHARS_MAX and text.isprintable() and not any(c in ' ,;"' for c in text)
