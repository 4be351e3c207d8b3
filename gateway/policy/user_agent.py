"""Which browser and system made a request, by what it calls itself: for counting, never for what is safe."""

import re
from typing import Final

from gateway.model.limits import USER_AGENT_CHARS_MAX
from gateway.model.opt_in import Browser

_MARKS: Final[tuple[tuple[str, Browser], ...]] = (
    ("Edg/", "edge"),
    ("EdgA/", "edge"),
    ("OPR/", "opera"),
    ("SamsungBrowser/", "samsung"),
    ("Firefox/", "firefox"),
    ("Chrome/", "chrome"),
    ("Version/", "safari"),
)
"""What each browser calls itself; those that also call themselves Chrome come before it."""
_IOS: Final = re.compile(r"\((?:iPhone|iPad|iPod)\b")
_SYSTEMS: Final = (
    ("Android", "android"),
    ("Windows", "windows"),
    ("Mac OS X", "macos"),
    ("Linux", "linux"),
    ("CrOS", "linux"),
)


def browser_of(user_agent: str) -> Browser:
    """The family of a browser. On iOS they are all Safari underneath."""
    agent = user_agent[:USER_AGENT_CHARS_MAX]
    if _IOS.search(agent):
        return "safari"
    for mark, browser in _MARKS:
        if mark in agent:
            return browser
    return "other"


def system_of(user_agent: str) -> str | None:
    """The system; None for one that we do not know. An iPad says that it is a Mac: only its page can tell."""
    agent = user_agent[:USER_AGENT_CHARS_MAX]
    if _IOS.search(agent):
        return "ios"
    return next((system for mark, system in _SYSTEMS if mark in agent), None)
