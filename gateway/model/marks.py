"""Places in a message's content that are filled in for each recipient, after the payload around them was put together.

A mark is a text that nobody can have written, with a quotation mark at its end: JSON escapes that once for each level
of text inside text, and so the payload itself tells how its value has to be escaped.
"""

import secrets
from typing import Final

SIGN: Final = "\ue000"
"""Of the private use area: what begins with it is, but for somebody's odd text, a mark."""
_RANDOM_BYTES: Final = 12


def new_mark(beginning: str = "") -> str:
    """A mark; `beginning` is what it keeps of the text that it stands for."""
    return f'{beginning}{SIGN}{secrets.token_hex(_RANDOM_BYTES)}"'


def holds_mark(*texts: str) -> bool:
    """Whether something in these texts is filled in later."""
    return any(SIGN in text for text in texts)
