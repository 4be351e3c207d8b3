"""The words of the preference centre, in the languages of `static/preferences/texts.json`."""

from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Final

import msgspec

from gateway.model.limits import ACCEPT_LANGUAGE_CHARS_MAX, ACCEPTED_LANGUAGES_MAX

_OTHERWISE: Final = "en"
_RIGHT_TO_LEFT: Final = frozenset({"ar", "fa", "he", "ur"})


@cache
def texts() -> Mapping[str, Mapping[str, str]]:
    """By language, each with the same names."""
    file = resources.files("gateway.api") / "static" / "preferences" / "texts.json"
    return msgspec.json.decode(file.read_bytes(), type=dict[str, dict[str, str]])


def language_of(wanted: Iterable[str | None]) -> str:
    """The first of these languages that there are words in, with or without its region; English else."""
    for tag in wanted:
        base = (tag or "").lower().replace("_", "-").partition("-")[0]
        if base in texts():
            return base
    return _OTHERWISE


def accepted(header: str | None) -> list[str]:
    """The languages of an Accept-Language header, the best first (RFC 9110 section 12.5.4), without what is none."""
    found: list[tuple[float, str]] = []
    for part in (header or "")[:ACCEPT_LANGUAGE_CHARS_MAX].split(",")[:ACCEPTED_LANGUAGES_MAX]:
        tag, _, weight = part.strip().partition(";q=")
        try:
            found.append((float(weight or 1), tag))
        except ValueError:
            continue
    return [tag for weight, tag in sorted(found, key=lambda one: -one[0]) if weight > 0]


def direction_of(language: str) -> str:
    """`rtl` or `ltr`."""
    return "rtl" if language in _RIGHT_TO_LEFT else "ltr"
