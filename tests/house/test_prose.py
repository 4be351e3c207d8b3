"""What must not stand in any file of the project: open ends, unexplained exceptions, other people's addresses."""

import re
from pathlib import Path

import pytest

from tests.house.tree import project_files, relative, text_of

_OWN = "tests/house/test_prose.py"
_LOCKS = ("sdk-js/package-lock.json",)


class Rule:
    """A pattern, what it means, and where it may stand all the same."""

    def __init__(self, pattern: str, *, suffixes: tuple[str, ...] = (), except_in: tuple[str, ...] = ()) -> None:
        self.pattern = re.compile(pattern)
        self.suffixes = suffixes
        self.except_in = (_OWN, *except_in)

    def findings(self, name: str, text: str) -> list[str]:
        """The lines of a file that break the rule."""
        if name.startswith(self.except_in) or (self.suffixes and not name.endswith(self.suffixes)):
            return []
        return [
            f"{name}:{number}: {line.strip()[:120]}"
            for number, line in enumerate(text.splitlines(), start=1)
            if self.pattern.search(line)
        ]


_HERE, _HOME, _ROOTS = ("/" + folder for folder in ("work", "home", "root"))
"""Folders of one machine, spelled so that no rule finds them in this file."""
_INDEX = "https:" + "//packages.example"
"""An index of packages, spelled likewise."""

RULES = {
    "an open end": Rule(r"\b(?:TODO|FIXME|XXX|HACK)\b|raise NotImplementedError"),
    "an exception from the linters without its reason": Rule(
        r"#\s*noqa(?!: [A-Z]+\d+(?:, ?[A-Z]+\d+)*\s+(?:-|#) \S)|#\s*type: ignore(?!\[[\w-]+\]\s+(?:-|#) \S)"
        r"|#\s*pyright: ignore(?!\[\w+(?:, ?\w+)*\]\s+(?:-|#) \S)|eslint-disable",
        suffixes=(".py", ".js", ".mjs"),
    ),
    "a skipped test without its reason": Rule(
        r"mark\.skip\b(?!\(reason=)|mark\.(?:skipif|xfail)\b(?!\($)(?!.*reason=)|pytest\.(?:skip|xfail)\(\)|\b(?:test|it|describe)\.only\(",
        suffixes=(".py", ".js"),
    ),
    "the address of a package registry": Rule(
        r'"resolved":\s*"https?:|https?://[^\s"]+/simple/|https?://[^\s"]+\.(?:whl|tgz|crate|deb)\b|(?:extra-)?index-url|^registry\s*='
    ),
    "a path or user of somebody's machine": Rule(r"(?<![\w.])/(?:(?:work|root|tmp/v)/[\w.]|(?:home|Users)/\w)"),
    "an e-mail address that is nobody's example": Rule(
        r"[\w.+-]+@(?!(?:[\w-]+\.)*(?:example|test|invalid|localhost)\b|(?:[\w-]+\.)*example\.(?:com|org|net)\b)[\w-]+\.(?:com|org|net|io|dev)\b",
        except_in=("LICENSE", *_LOCKS, "THREAT_MODEL.md", "tests/wire/", "tests/store/"),
    ),
}


def _files() -> list[tuple[str, str]]:
    return [(relative(path), text) for path in project_files() if (text := text_of(path)) is not None]


@pytest.mark.parametrize("meaning", RULES)
def test_no_file_holds(meaning: str) -> None:
    """A reader finds no loose ends, and nothing that only works where it was written."""
    found = [line for name, text in _files() for line in RULES[meaning].findings(name, text)]
    assert found == [], f"{meaning}:\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("meaning", "name", "line"),
    [
        ("an open end", "a.md", "TODO: finish"),
        ("an open end", "a.py", "    raise NotImplementedError"),
        ("an exception from the linters without its reason", "a.py", "x = 1  # noqa: S101"),
        ("an exception from the linters without its reason", "a.py", "x = 1  # noqa"),
        ("an exception from the linters without its reason", "a.py", "x = 1  # type: ignore"),
        ("an exception from the linters without its reason", "a.py", "x = 1  # pyright: ignore[reportX]"),
        ("a skipped test without its reason", "a.py", "@pytest.mark.skip"),
        ("a skipped test without its reason", "a.py", "@pytest.mark.skipif(True)"),
        ("the address of a package registry", "lock.json", f'"resolved": "{_INDEX}/x"'),
        (
            "the address of a package registry",
            "Makefile",
            f"pip install {_INDEX}/a-1.0-py3-none-any.whl",
        ),
        ("the address of a package registry", "pip.conf", f"index-url = {_INDEX}/simple/"),
        ("the address of a package registry", ".npmrc", f"registry={_INDEX}/"),
        ("a path or user of somebody's machine", "a.py", f'P = "{_HERE}/.cache"'),
        ("a path or user of somebody's machine", "a.md", f"cd {_HERE}/main"),
        ("a path or user of somebody's machine", "a.md", f"see {_HOME}/ann/x"),
        ("an e-mail address that is nobody's example", "a.md", "write to someone@gmail.com"),
    ],
)
def test_each_rule_bites(meaning: str, name: str, line: str) -> None:
    """Negative control: the rule finds what it is for."""
    assert RULES[meaning].findings(name, line)


@pytest.mark.parametrize(
    ("meaning", "name", "line"),
    [
        ("an exception from the linters without its reason", "a.py", "x = 1  # noqa: S101, S102 - checked above"),
        ("a skipped test without its reason", "a.py", '@pytest.mark.skipif(NO_NODE, reason="needs node")'),
        ("a skipped test without its reason", "a.js", "const { id } = gateway.only();"),
        ("a path or user of somebody's machine", "a.py", '"""Works under /root as well."""'),
        ("a path or user of somebody's machine", "a.md", f"the {_HOME}page, ~/.local/share and network{_ROOTS}/x"),
        ("an e-mail address that is nobody's example", "a.md", "mailto:ops@shop.example or a@example.com"),
    ],
)
def test_each_rule_lets_pass_what_is_fine(meaning: str, name: str, line: str) -> None:
    """A rule that cries wolf is switched off sooner or later."""
    assert not RULES[meaning].findings(name, line)


def test_text_files_are_seen(tmp_path: Path) -> None:
    """The walk finds this very file, and reads it."""
    names = [name for name, _ in _files()]
    assert _OWN in names
    assert "pyproject.toml" in names
    binary = tmp_path / "image.png"
    binary.write_bytes(b"\x89PNG\xff")
    assert text_of(binary) is None
