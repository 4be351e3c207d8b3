"""How long things may be: a file has one job, and the README gets to the point."""

import re
from pathlib import Path

from tests.house.tree import ROOT, project_files, relative, text_of

FILE_LINES_MAX = 450
README_LINES_MAX = 120
FIRST_BLOCK_BEFORE_LINE = 40
_SOURCES = ("gateway/", "tests/", "scripts/", "benchmarks/", "sdk-js/src/", "sdk-js/test/")
_SUFFIXES = (".py", ".js", ".css", ".html")


def _too_long(files: list[tuple[str, str]]) -> list[str]:
    return [
        f"{name}: {lines} lines"
        for name, text in files
        if name.startswith(_SOURCES) and name.endswith(_SUFFIXES) and (lines := text.count("\n")) > FILE_LINES_MAX
    ]


def _first_shell_block(readme: str) -> int | None:
    """The line of the first fenced block that a shell can run."""
    for number, line in enumerate(readme.splitlines(), start=1):
        if re.match(r"```(?:sh|bash|console|shell)\b", line):
            return number
    return None


def test_no_file_has_two_jobs() -> None:
    """Beyond 450 lines a file is asked to become two."""
    files = [(relative(path), text_of(path) or "") for path in project_files() if _is_source(path)]
    assert _too_long(files) == []


def _is_source(path: Path) -> bool:
    return relative(path).startswith(_SOURCES) and path.suffix in _SUFFIXES


def test_a_long_file_is_caught() -> None:
    """Negative control."""
    assert _too_long([("gateway/long.py", "x\n" * 451), ("gateway/fine.py", "x\n" * 450)]) == [
        "gateway/long.py: 451 lines"
    ]


def test_the_readme_gets_to_the_point() -> None:
    """A newcomer runs something before scrolling, and reads all of it in a few minutes."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.count("\n") <= README_LINES_MAX
    first = _first_shell_block(readme)
    assert first is not None
    assert first < FIRST_BLOCK_BEFORE_LINE


def test_a_block_that_nobody_can_run_does_not_count() -> None:
    """Negative control: JSON is no command."""
    assert _first_shell_block("# T\n```json\n{}\n```\n") is None
    assert _first_shell_block("# T\n\n```sh\nmake run\n```\n") == 3
