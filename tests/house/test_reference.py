"""The docs say what the code says, and lead somewhere."""

import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from gateway.config import Settings
from gateway.model.delivery import REASONS, Code, state_of
from gateway.model.errors import ERROR_CODES
from tests.house.tree import GATEWAY, ROOT, project_files, relative, text_of

_REFERENCE = ROOT / "docs" / "reference"


def _generate(*arguments: str, checkout: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "scripts/reference.py", *arguments], cwd=checkout, capture_output=True, text=True, check=False
    )


def _page(name: str) -> str:
    return (_REFERENCE / name).read_text(encoding="utf-8")


def test_generated_pages_are_what_the_code_says() -> None:
    """Nobody reads of a setting, verb, metric or route that is not there."""
    outcome = _generate("--check")
    assert outcome.returncode == 0, outcome.stderr


def test_a_stale_page_is_caught(tmp_path: Path) -> None:
    """Negative control: one changed word is noticed, and named."""
    for name in ("gateway", "scripts", "docs", "pyproject.toml", "README.md", "sdk-js"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "docs").unlink()
    (tmp_path / "scripts").unlink()
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "reference.py").write_bytes((ROOT / "scripts" / "reference.py").read_bytes())
    pages = tmp_path / "docs" / "reference"
    pages.mkdir(parents=True)
    for page in _REFERENCE.glob("*.md"):
        (pages / page.name).write_bytes(page.read_bytes())
    (pages / "settings.md").write_text(_page("settings.md").replace("127.0.0.1:8080", "127.0.0.1:80"), encoding="utf-8")
    outcome = _generate("--check", checkout=tmp_path)
    assert outcome.returncode == 1
    assert "settings.md" in outcome.stderr


def test_every_setting_is_explained() -> None:
    """Each has its variable and a sentence."""
    page = _page("settings.md")
    for field in msgspec.structs.fields(Settings):
        if field.name != "providers":
            row = next(line for line in page.splitlines() if f"`STEEPLE_{field.name.upper()}`" in line)
            assert len(row.split("|")[4].strip()) > 10, field.name


def test_every_error_code_is_explained() -> None:
    """Whoever gets a code finds it."""
    page = _page("errors.md")
    assert [code for code in ERROR_CODES if f"`{code}` |" not in page] == []


def test_every_outcome_is_explained() -> None:
    """Whoever reads a count or a reason finds it."""
    page = _page("outcomes.md")
    words = {state_of(code) for code in Code} | set(REASONS.values())
    assert [word for word in words if f"`{word}`" not in page] == []


def test_every_metric_is_explained() -> None:
    """Whoever draws a graph finds what it shows."""
    page = _page("metrics.md")
    source = (GATEWAY / "telemetry.py").read_text(encoding="utf-8")
    names = re.findall(r'_(?:counter|gauge|histogram)\(\s*"(\w+)"', source)
    assert len(names) > 10
    assert [name for name in names if f"`steeple_{name}`" not in page] == []


def _dead_links(name: str, text: str, there: set[str]) -> list[str]:
    """Relative links of a Markdown page that lead to no file of the project."""
    folder = Path(name).parent
    found: list[str] = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path = target.partition("#")[0]
        if path and "://" not in target and not target.startswith("mailto:"):
            resolved = (ROOT / folder / path).resolve()
            if not resolved.is_relative_to(ROOT) or resolved.relative_to(ROOT).as_posix().rstrip("/") not in there:
                found.append(f"{name}: {target}")
    return found


def test_links_between_pages_lead_somewhere() -> None:
    """No page sends its reader into nothing."""
    files = [relative(path) for path in project_files()]
    there = {*files, *(parent.as_posix() for name in files for parent in Path(name).parents)}
    pages = [path for path in project_files() if path.suffix == ".md"]
    dead = [link for path in pages for link in _dead_links(relative(path), text_of(path) or "", there)]
    assert dead == []


@pytest.mark.parametrize("target", ["no-such.md", "../../outside.md", "docs/none.md#part"])
def test_a_dead_link_is_caught(target: str) -> None:
    """Negative control."""
    assert _dead_links("README.md", f"see [it]({target})", {"README.md"})


def test_links_outside_and_within_are_let_pass() -> None:
    """Only files of the project are looked for."""
    text = "[a](https://a.example) [b](#part) [c](README.md#part) [d](mailto:a@shop.example)"
    assert _dead_links("README.md", text, {"README.md"}) == []
