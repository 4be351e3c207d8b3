"""Paths of the table of routes, with ids put in."""

import re
from typing import Final

_COULD_BE: Final = {
    "id": "msg_0000000000000",
    "key": "key_0000000000000",
    "external_id": "cust-17",
    "slug": "sale",
    "pool": "winter",
}


def filled(path: str, **ids: str) -> str:
    """The path with these ids, or with ones that could be."""
    return re.sub(r"\{(\w+)\}", lambda found: {**_COULD_BE, **ids}.get(found[1], "x"), path)
