"""The table of a subscription's life says what is tested where, and every test it names is there."""

import ast
import re
from functools import cache
from typing import Final

import msgspec
import pytest

from tests.house.tree import ROOT

_PAGE: Final = ROOT / "docs" / "reference" / "life.md"
_TEST: Final = re.compile(r"`((?:tests|sdk-js)/[\w./-]+)::([^`]+)`")
_NODE_TITLE: Final = re.compile(r"^\s*test\((['\"`])(.*?)(?<!\\)\1,", re.MULTILINE)
_WORDS: Final = {"real", "simulated", "standard", "none"}
_BROWSERS: Final = ("firefox", "chromium")


class Row(msgspec.Struct, frozen=True):
    """One case: the words of its three columns, and the tests it names."""

    case: str
    words: tuple[str, str, str]
    tests: list[tuple[str, str]]


def _rows() -> list[Row]:
    lines = [line for line in _PAGE.read_text("utf-8").splitlines() if line.startswith("| ")][1:]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [Row(case, (firefox, chromium, apple), _TEST.findall(by)) for case, _, firefox, chromium, apple, by in cells]


@cache
def _fixtures(path: str) -> dict[str, set[str]]:
    """Test -> what it asks for, of a file of Python tests."""
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    functions = (node for node in tree.body if isinstance(node, ast.AsyncFunctionDef))
    return {one.name: {argument.arg for argument in one.args.args} for one in functions}


@cache
def _titles(path: str) -> set[str]:
    """The titles of a file of Node.js tests."""
    return {found[2].replace("\\'", "'") for found in _NODE_TITLE.finditer((ROOT / path).read_text("utf-8"))}


ROWS: Final = _rows()


@pytest.mark.parametrize("row", ROWS, ids=[row.case for row in ROWS])
def test_a_case_is_tested_where_the_table_says(row: Row) -> None:
    """Real: by a test that asks for that browser. Played: by one of Node.js, Apple's under their name."""
    assert set(row.words) <= _WORDS
    asked: set[str] = set()
    titles: list[str] = []
    for path, name in row.tests:
        if path.endswith(".py"):
            asked |= _fixtures(path)[name]
        else:
            assert name in _titles(path), f"{path} has no test {name!r}"
            titles.append(name)
    for browser, word in zip(_BROWSERS, row.words, strict=False):
        assert (word == "real") == bool(asked & {"browser", browser}), f"{browser} is said to be {word}"
        assert word not in ("simulated", "standard") or titles
    apple = any(title.startswith("simulated ") for title in titles)
    assert (row.words[2] == "simulated") == apple
    assert row.words[2] != "standard" or titles


def test_the_table_has_the_whole_life() -> None:
    """A table that is cut short holds nothing true."""
    assert len(ROWS) >= 22
