"""The page of promises names tests that there are."""

import re
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_NAMED = re.compile(r"`(?:(tests/[\w/]+\.py)::)?(test_\w+)`")


def missing(page: str, root: Path) -> list[str]:
    """Tests that the page names and that no file of ours defines."""
    files = {path: path.read_text(encoding="utf-8") for path in (root / "tests").rglob("test_*.py")}
    lost: list[str] = []
    for file, test in _NAMED.findall(page):
        places = [files.get(root / file, "")] if file else list(files.values())
        if not any(f"def {test}(" in text for text in places):
            lost.append(f"{file}::{test}")
    return lost


def test_every_promise_has_the_test_that_it_names():
    """Who reads docs/promises.md finds each test by its name."""
    page = (_ROOT / "docs" / "promises.md").read_text(encoding="utf-8")
    assert len(_NAMED.findall(page)) > 40
    assert missing(page, _ROOT) == []


def test_a_name_that_is_not_there_is_noticed():
    """Negative control."""
    page = "held by `tests/journeys/test_promises.py::test_of_nothing` and `test_of_nothing_either`"
    assert missing(page, _ROOT) == ["tests/journeys/test_promises.py::test_of_nothing", "::test_of_nothing_either"]
