"""A provider's name occurs in its own file and nowhere else, so that adding one is adding a file."""

import ast
import re
from pathlib import Path

import pytest

from gateway import transports
from tests.house.tree import GATEWAY, relative, words_of

_PLANNED = ("webpush", "apns", "fcm")
_ALLOWED = (
    "gateway/transports/",
    "gateway/sandbox/",
    "gateway/cli/keys",  # each provider's keys are made and read in their own way
)
_EXCEPTIONS: dict[str, str] = {
    "gateway/model/limits/delivery.py": "bounds of a service that its provider and the sandbox both know",
}
"""File -> why it may name a provider all the same."""


def _findings(source: str, names: tuple[str, ...]) -> list[tuple[int, str]]:
    """Where a name stands as a word of an identifier or of a string; not inside a host name or a path."""
    word = re.compile(r"(?<![a-z0-9./-])(?:" + "|".join(names) + r")(?![a-z0-9./-])", re.IGNORECASE)
    return [(line, text) for line, text in words_of(ast.parse(source)) if word.search(text)]


def _files() -> list[Path]:
    return [path for path in sorted(GATEWAY.rglob("*.py")) if not relative(path).startswith(_ALLOWED)]


def test_providers_are_named_in_their_own_files_only() -> None:
    """Nothing outside a provider's file depends on which providers there are."""
    names = tuple({*_PLANNED, *transports.names()})
    found = {
        relative(path): hits
        for path in _files()
        if relative(path) not in _EXCEPTIONS and (hits := _findings(path.read_text(encoding="utf-8"), names))
    }
    assert found == {}


@pytest.mark.parametrize(
    "source", ['channel = "webpush"', "def apns_token(): ...", "import gateway.transports.fcm", "f(webpush=1)"]
)
def test_a_provider_name_is_caught(source: str) -> None:
    """Negative control: as a string, a function, an import, an argument."""
    assert _findings(source, _PLANNED)


@pytest.mark.parametrize(
    "source",
    ['HOST = "fcm.googleapis.com"', 'PATH = "/fcm/send/"', '"""webpush is a channel."""'],
)
def test_hosts_paths_and_documentation_are_no_names(source: str) -> None:
    """The egress list may hold a push service's host."""
    assert not _findings(source, _PLANNED)


def test_no_exception_outlives_its_reason() -> None:
    """An exception is for a file that exists and still needs it."""
    for name, reason in _EXCEPTIONS.items():
        path = GATEWAY.parent / name
        assert reason
        assert path.is_file()
        assert _findings(path.read_text(encoding="utf-8"), tuple({*_PLANNED, *transports.names()}))
